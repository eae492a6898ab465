// The one thing that others may import.
export { BuilderPage } from "./BuilderPage";
export { PreviewCanvas } from "./run/PreviewCanvas";
export { RunCanvas, type RunCanvasProps } from "./run/RunCanvas";
