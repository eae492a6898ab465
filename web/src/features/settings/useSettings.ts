import { useQuery } from "@tanstack/react-query";
import { api, type Schema, takeData } from "../../api/client";
import { toldByForm } from "../../ui/RecordForm";
import { useAction } from "../../ui/useAction";
import { texts } from "./texts";

export function useSettings() {
  return useQuery({ queryKey: ["settings"], queryFn: () => takeData(api.GET("/api/settings")) });
}

export function useSaveSettings() {
  return useAction((body: Schema<"Settings">) => takeData(api.PATCH("/api/settings", { body })), { touches: ["settings"], done: texts.saved, failed: toldByForm });
}
