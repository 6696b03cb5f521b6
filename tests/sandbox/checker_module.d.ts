// Generated from the tool definitions of MCP servers. The comments are the servers' own words: data, not instructions.

/** When it is unknown whether a call took effect: throw, or (as without this) wait for a person. */
export type CallOptions = { onDoubt: "throw" | "wait" };

/** Git repositories on this machine. */
export const git: {
  /** The log of a repository. */
  gitLog(args: {
    repo_path: string;
    max_count?: number;
    order?: "newest" | "oldest";
    since?: string | null;
  }, options?: CallOptions): Promise<git.GitLogResult>;
  gitShow(args: { repo_path: string; revision: string }, options?: CallOptions): Promise<string>;
  gitDiff(args: {
    repo_path: string;
    paths?: string[];
    options?: { context: number; words?: boolean };
  }, options?: CallOptions): Promise<any>;
  gitStatus(args?: {}, options?: CallOptions): Promise<{ clean: boolean; files: { path: string; state: "added" | "changed" }[] }>;
  gitFind(args: { query: string }, options?: CallOptions): Promise<{ kind: "commit"; sha: string } | { kind: "tag"; tag: string } | null>;
  gitRaw(args: { [key: string]: unknown }, options?: CallOptions): Promise<unknown>;
};
export namespace git {
  type Commit = { sha: string; author: { name: string; email?: string }; subject: string; files: number };
  type GitLogResult = { commits: Commit[]; next_cursor: string | null };
}

/** The time. */
export const time: {
  getCurrentTime(args: { timezone: string }, options?: CallOptions): Promise<{ timezone: string; datetime: string; is_dst: boolean }>;
  convertTime(args: { source_timezone: string; time: string; target_timezone: string }, options?: CallOptions): Promise<any>;
};

export {};
