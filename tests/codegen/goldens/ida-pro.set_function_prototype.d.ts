// idaPro.setFunctionPrototype – Set a function's prototype

// signatures

/** Set a function's prototype */
setFunctionPrototype(args: { function_address: string; prototype: string }): Promise<any>;

// full

/** Set a function's prototype */
setFunctionPrototype(args: {
  function_address: string;
  /** New function prototype */
  prototype: string;
}): Promise<any>;
