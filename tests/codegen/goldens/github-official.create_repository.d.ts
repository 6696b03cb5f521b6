// githubOfficial.createRepository – Create a new GitHub repository in your account or specified organization

// signatures

/** Create a new GitHub repository in your account or specified organization */
createRepository(args: { autoInit?: boolean; description?: string; name: string; organization?: string; private?: boolean }): Promise<any>;

// full

/** Create a new GitHub repository in your account or specified organization */
createRepository(args: {
  /** Initialize with README */
  autoInit?: boolean;
  /** Repository description */
  description?: string;
  /** Repository name */
  name: string;
  /** Organization to create the repository in (omit to create in your personal account) */
  organization?: string;
  /** Whether the repository should be private. Defaults to true (private) when omitted. */
  private?: boolean;
}): Promise<any>;
