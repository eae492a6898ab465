import { useCallback } from "react";
import { type Person, usePeople } from "../api/people";
import { texts } from "./texts";

const words = texts.actors;

/** Who did something, as a person would say it: the API says `user:7`, `api_key:3`, `execution:9`, or the address that a mail went to. */
export function actorName(by: string, people: Person[]): string {
  const [, kind, number] = /^(user|api_key|execution):(\d+)$/.exec(by) ?? [];
  switch (kind) {
    case "user":
      return people.find(({ id }) => id === Number(number))?.name ?? words.user(Number(number));
    case "api_key":
      return words.key(Number(number));
    case "execution":
      return words.execution(Number(number));
    default:
      return by;
  }
}

export function useActorName(): (by: string) => string {
  const people = usePeople();
  return useCallback((by) => actorName(by, people), [people]);
}
