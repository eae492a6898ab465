// What any canvas needs to name what is on it.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../api";
import type { Definition } from "../model/definition";
import { nameIn, variablesAt } from "../model/variables";

export function useCatalogue(definition: Definition | undefined) {
  const actions = useQuery({ queryKey: ["builder", "actions"], queryFn: api.steps, staleTime: Infinity });
  const operators = useQuery({ queryKey: ["builder", "operators"], queryFn: api.operators, staleTime: Infinity });
  const forms = useQuery({ queryKey: ["builder", "forms"], queryFn: api.forms });
  const formId = definition?.trigger_config?.formId;
  const form = forms.data?.find(({ id }) => id === formId);
  const nameOf = useMemo(() => {
    if (!definition) return (field: string) => field;
    const questions = form ? form.questions : (forms.data ?? []).flatMap((item) => item.questions);
    return nameIn(variablesAt(definition, ["actions", 0], { questions, outputs: {} }, actions.data ?? []));
  }, [definition, form, forms.data, actions.data]);
  return { actions: actions.data ?? [], operators: operators.data ?? [], nameOf, formName: form?.name, isReady: actions.data !== undefined && operators.data !== undefined, error: actions.error ?? operators.error };
}
