/** Tells all who listen at a pace: one timer, however many rows of a list show how long ago something was. */
export function ticker(pace: number): (listener: () => void) => () => void {
  const listeners = new Set<() => void>();
  let timer: number | undefined;
  return (listener) => {
    listeners.add(listener);
    timer ??= window.setInterval(() => listeners.forEach((tell) => tell()), pace);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      window.clearInterval(timer);
      timer = undefined;
    };
  };
}
