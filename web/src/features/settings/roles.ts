import { texts } from "./texts";

export const roleChoices = Object.entries(texts.roles).map(([value, label]) => ({ value, label }));
