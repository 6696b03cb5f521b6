// playwright.browserEvaluate – Evaluate JavaScript expression on page or element

// signatures

/** Evaluate JavaScript expression on page or element @destructive */
browserEvaluate(args: { element?: string; target?: string; function: string; filename?: string }): Promise<any>;

// full

/** Evaluate JavaScript expression on page or element @destructive */
browserEvaluate(args: {
  /** Human-readable element description used to obtain permission to interact with the element */
  element?: string;
  /** Exact target element reference from the page snapshot, or a unique element selector */
  target?: string;
  /** () => { /* code *\/ } or (element) => { /* code *\/ } when element is provided */
  function: string;
  /** File name to save the result to. Relative file names are resolved against the workspace root. If not provided, result is returned as text. */
  filename?: string;
}): Promise<any>;
