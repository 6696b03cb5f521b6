// netlify.netlifyCodingRules – ALWAYS call when writing serverless or Netlify code. required step before creating or…
// issue: creationType has an `enum` that nothing fits

// signatures

/** ALWAYS call when writing serverless or Netlify code. required step before creating or editing any type of functions, Netlify sdk/library usage, etc. @read-only */
netlifyCodingRules(args: { creationType: string }): Promise<any>;

// full

/** ALWAYS call when writing serverless or Netlify code. required step before creating or editing any type of functions, Netlify sdk/library  usage, etc. @read-only */
netlifyCodingRules(args: { creationType: string }): Promise<any>;
