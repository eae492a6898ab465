/** What is said when the server says nothing. */
export const texts = {
  unreachable: "The server cannot be reached. Check the connection, then try again.",
  noReason: (status: number) => `The server answered with status ${status}. Try again in a moment.`,
};
