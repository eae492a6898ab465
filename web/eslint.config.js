import javascript from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import typescript from "typescript-eslint";

const features = ["approvals", "builder", "data", "executions", "jobs", "overview", "settings", "templates", "workflows"];
const message = "ui <- forms <- features <- app, and a feature uses another one only by its index";
const forbid = (patterns) => ({ "no-restricted-imports": ["error", { patterns: [{ regex: patterns, message }] }] });

export default typescript.config(
  { ignores: ["dist", "node_modules", "src/api/schema.d.ts", "test-results", "playwright-report"] },
  javascript.configs.recommended,
  typescript.configs.strict,
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "react-hooks": hooks },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      eqeqeq: "error",
    },
  },
  { files: ["src/ui/**"], rules: forbid("/(forms|features|app)(/|$)") },
  { files: ["src/forms/**"], rules: forbid("/(features|app)(/|$)") },
  { files: ["src/features/**"], rules: forbid(`/app(/|$)|\\.\\./(${features.join("|")})/.+`) },
);
