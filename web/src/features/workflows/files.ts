import { api, type Schema, take, takeData } from "../../api/client";
import { texts } from "./texts";

/** Sends each file's workflow or workflows to the server, which says what each of them is now. */
export async function importFiles(files: File[]): Promise<number> {
  let count = 0;
  for (const file of files) {
    const body = read(await file.text(), file.name);
    const { data } = await take(api.POST("/api/workflows/import", { body }));
    count += Array.isArray(data) ? data.length : 1;
  }
  return count;
}

function read(text: string, name: string): Schema<"ImportBody"> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(texts.badFile(name));
  }
  if (typeof value !== "object" || value === null) throw new Error(texts.badFile(name));
  // Whether it is a workflow is for the server to say: it names each problem by its path.
  return value as Schema<"ImportBody">;
}

/** The workflow as a file in the downloads. */
export async function exportFile(workflow: { id: number; key: string }): Promise<void> {
  const file = await takeData(api.GET("/api/workflows/{id}/export", { params: { path: { id: workflow.id } } }));
  const address = URL.createObjectURL(new Blob([JSON.stringify(file, null, 2), "\n"], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${workflow.key}.json`;
  link.click();
  URL.revokeObjectURL(address);
}
