import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";
import { texts } from "../ui/texts";

/** The accent of the pages that the server renders itself, as a scale. */
const sea: MantineColorsTuple = [
  "#e6f6f8", "#cfe9ee", "#a3d4dd", "#73becb", "#4dabbc", "#2f97aa", "#17849a", "#0b6e80", "#085a69", "#054651",
];

/** The dark side in the hue of the ground, so that fields, icons and the canvas do not stand out as grey. */
const dark: MantineColorsTuple = [
  "#c9d1da", "#b2bcc8", "#8793a1", "#5a6673", "#36404b", "#2a333d", "#222a33", "#1a2027", "#151a20", "#12161b",
];

export const theme = createTheme({
  colors: { sea, dark },
  primaryColor: "sea",
  primaryShade: 7,
  autoContrast: true,
  defaultRadius: "md",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace',
  headings: { fontWeight: "600", sizes: { h1: { fontSize: "1.375rem" }, h2: { fontSize: "1.0625rem" }, h3: { fontSize: "0.9375rem" } } },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Table: { defaultProps: { verticalSpacing: "sm", horizontalSpacing: "md" } },
    Modal: { defaultProps: { centered: true, closeButtonProps: { "aria-label": texts.close } } },
    Drawer: { defaultProps: { position: "right", size: "lg", closeButtonProps: { "aria-label": texts.close } } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
  },
});

/** Mantine's quiet colours are too pale to be read at small sizes (WCAG 2.2 AA asks for 4.5 : 1). */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#ffffff",
    "--mantine-color-text": "#1c2430",
    "--mantine-color-dimmed": "#5b6675",
    "--mantine-color-placeholder": "#6b7684",
    "--mantine-color-error": "#b3261e",
    "--mantine-color-anchor": "#0b6e80",
    "--mantine-color-default-border": "#dfe3e8",
    "--app-ground": "#f7f8fa",
    "--app-line": "#e4e8ec",
  },
  dark: {
    "--mantine-color-body": "#1a2027",
    "--mantine-color-text": "#e4e9ef",
    "--mantine-color-dimmed": "#9aa6b4",
    "--mantine-color-placeholder": "#8793a1",
    "--mantine-color-error": "#ff8f86",
    "--mantine-color-anchor": "#5cc3d5",
    "--mantine-color-default": "#222a33",
    "--mantine-color-default-border": "#36404b",
    "--mantine-color-default-hover": "#2a333d",
    "--app-ground": "#12161b",
    "--app-line": "#2c353f",
  },
});
