import { Component, type ReactNode } from "react";
import { ErrorState } from "../ui/states";
import { texts } from "./texts";

/** The last net: an error in the code shows as a page with a way on, not as an empty window. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return <Failed error={this.state.error} />;
  }
}

export function Failed({ error }: { error: unknown }) {
  return (
    <ErrorState title={texts.broken.title} hint={texts.broken.hint} error={error} again={() => window.location.reload()} againLabel={texts.broken.again} />
  );
}
