// refGitlab.createIssue – Create a new issue in a GitLab project

// signatures

/** Create a new issue in a GitLab project */
createIssue(args?: Record<string, unknown>): Promise<any>;

// full

/** Create a new issue in a GitLab project */
createIssue(args?: Record<string, unknown>): Promise<any>;
