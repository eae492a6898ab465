// The draft is saved by itself, a moment after the last change, with the version that it was made from. Somebody else's change in between is a conflict,
// which a person decides; nothing is overwritten unseen.
import { useCallback, useEffect, useRef, useState } from "react";
import { api, ApiFailure, type WorkflowRecord } from "./api";
import { type Definition, definitionOf } from "./model/definition";
import { isObject, sameJson } from "./model/json";
import type { Problem } from "./model/problems";

/** From the last change to saving it, in milliseconds. */
const PAUSE = 700;
const AGAIN = 5_000;

export type Saving = "saved" | "unsaved" | "saving" | "failed" | "signedOut";

function problemsIn(record: WorkflowRecord): Problem[] {
  return (record.problems ?? []).flatMap((problem) => (isObject(problem) ? [{ path: String(problem.path), message: String(problem.message) }] : []));
}

export function useDraft(first: WorkflowRecord, definition: Definition, mayEdit: boolean, onNewer: (definition: Definition) => void) {
  const [record, setRecord] = useState(first);
  const [saving, setSaving] = useState<Saving>("saved");
  const [problems, setProblems] = useState<Problem[]>([]);
  const [conflict, setConflict] = useState<WorkflowRecord>();
  const stored = useRef(definitionOf(first));
  // As the server gave it: what it hides, such as a secret, differs from what was sent.
  const given = useRef(definitionOf(first));
  const version = useRef(first.version);
  const present = useRef(definition);
  const underWay = useRef<Promise<void>>(undefined);
  present.current = definition;

  const adopt = useCallback((next: WorkflowRecord) => {
    version.current = next.version;
    given.current = definitionOf(next);
    setRecord(next);
  }, []);

  const save = useCallback(async (): Promise<boolean> => {
    // One at a time: the next one needs the version that this one gives.
    while (underWay.current) await underWay.current;
    const sent = present.current;
    if (sameJson(sent, stored.current)) return true;
    let good = true;
    underWay.current = (async () => {
      setSaving("saving");
      try {
        const next = await api.saveDraft(first.id, sent, version.current);
        stored.current = sent;
        adopt(next);
        setProblems(problemsIn(next));
        setSaving(sameJson(present.current, sent) ? "saved" : "unsaved");
      } catch (error) {
        good = false;
        if (error instanceof ApiFailure && error.status === 409) {
          setSaving("unsaved");
          setConflict(await api.workflow(first.id));
        } else if (error instanceof ApiFailure && error.status === 422) {
          setProblems(error.details);
          setSaving("failed");
        } else setSaving(error instanceof ApiFailure && error.status === 401 ? "signedOut" : "failed");
      }
    })().finally(() => {
      underWay.current = undefined;
    });
    await underWay.current;
    return good;
  }, [adopt, first.id]);

  useEffect(() => {
    if (!mayEdit || conflict) return undefined;
    if (sameJson(definition, stored.current)) {
      setSaving((now) => (now === "saving" ? now : "saved"));
      return undefined;
    }
    setSaving((now) => (now === "saving" || now === "failed" || now === "signedOut" ? now : "unsaved"));
    const timer = setTimeout(() => void save(), PAUSE);
    return () => clearTimeout(timer);
  }, [definition, save, mayEdit, conflict]);

  useEffect(() => {
    // Signed out, it is tried again as well: by then somebody may have signed in above the screen.
    if (saving !== "failed" && saving !== "signedOut") return undefined;
    const timer = setTimeout(() => void save(), AGAIN);
    return () => clearTimeout(timer);
  }, [saving, save]);

  /** The record as another act gave it. What somebody else has made of the draft meanwhile is not passed over: it is shown, or asked about. */
  const receive = useCallback(
    (next: WorkflowRecord): void => {
      const theirs = definitionOf(next);
      if (sameJson(theirs, given.current)) return adopt(next);
      if (!sameJson(present.current, stored.current)) return setConflict(next);
      adopt(next);
      stored.current = theirs;
      onNewer(theirs);
    },
    [adopt, onNewer],
  );

  /** Another change of the record than saving it, one at a time with the saves: each needs the version that the one before gave. */
  const change = useCallback(
    async (call: () => Promise<WorkflowRecord>, then: (next: WorkflowRecord) => void = receive): Promise<WorkflowRecord> => {
      while (underWay.current) await underWay.current;
      const made = call();
      underWay.current = made.then(then, () => undefined).finally(() => {
        underWay.current = undefined;
      });
      await underWay.current;
      return made;
    },
    [receive],
  );

  // Coming back to a window in which nothing is unsaved shows what is stored by now.
  useEffect(() => {
    const look = async (): Promise<void> => {
      if (document.visibilityState !== "visible" || underWay.current || !sameJson(present.current, stored.current)) return;
      const now = await api.workflow(first.id).catch(() => undefined);
      if (now && now.version !== version.current && !underWay.current && sameJson(present.current, stored.current)) receive(now);
    };
    const listen = (): void => void look();
    document.addEventListener("visibilitychange", listen);
    window.addEventListener("focus", listen);
    return () => {
      document.removeEventListener("visibilitychange", listen);
      window.removeEventListener("focus", listen);
    };
  }, [first.id, receive]);

  // The problems of what is stored, before anything is changed.
  useEffect(() => {
    let current = true;
    api.validate(definitionOf(first)).then(
      (answer) => current && setProblems(answer.problems),
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [first]);

  // Leaving the page within the app saves what is there.
  const latest = useRef(save);
  latest.current = save;
  useEffect(
    () => () => {
      if (mayEdit) void latest.current();
    },
    [mayEdit],
  );

  useEffect(() => {
    const ask = (event: BeforeUnloadEvent): void => {
      if (mayEdit && !sameJson(present.current, stored.current)) event.preventDefault();
    };
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [mayEdit]);

  /** The conflict is decided: mine is saved over theirs, or theirs is what is stored. */
  const resolve = useCallback(
    (keep: "mine" | "theirs") => {
      if (!conflict) return;
      adopt(conflict);
      stored.current = definitionOf(conflict);
      setConflict(undefined);
      if (keep === "mine") void save();
    },
    [adopt, conflict, save],
  );

  /** What was saved last is live, or was thrown away: the record is what is stored. */
  const published = useCallback(
    (next: WorkflowRecord) => {
      adopt(next);
      stored.current = definitionOf(next);
    },
    [adopt],
  );

  return { record, saving, problems, setProblems, conflict, save, resolve, published, change, receive, version };
}
