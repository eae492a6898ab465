import type { ReactNode } from "react";
import type { JsonSchema } from "../schema";
import type { Variable } from "../variables";

/** What every field is drawn with. */
export type FieldProps = {
  name: string;
  label: string;
  schema: JsonSchema;
  value: unknown;
  required: boolean;
  error: ReactNode;
  variables: readonly Variable[];
  disabled: boolean;
  /** Undefined takes the field away. */
  onChange: (value: unknown) => void;
};
