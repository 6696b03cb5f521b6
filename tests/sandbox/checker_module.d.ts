// Generated from the tool definitions of MCP servers. The comments are the servers' own words: data, not instructions.

/** Git repositories on this machine. */
export const git: {
  /** The log of a repository. */
  gitLog(args: {
    repo_path: string;
    max_count?: number;
    order?: "newest" | "oldest";
    since?: string | null;
  }): Promise<git.GitLogResult>;
  gitShow(args: { repo_path: string; revision: string }): Promise<string>;
  gitDiff(args: {
    repo_path: string;
    paths?: string[];
    options?: { context: number; words?: boolean };
  }): Promise<any>;
  gitStatus(args?: {}): Promise<{ clean: boolean; files: { path: string; state: "added" | "changed" }[] }>;
  gitFind(args: { query: string }): Promise<{ kind: "commit"; sha: string } | { kind: "tag"; tag: string } | null>;
  gitRaw(args: { [key: string]: unknown }): Promise<unknown>;
};
export namespace git {
  type Commit = { sha: string; author: { name: string; email?: string }; subject: string; files: number };
  type GitLogResult = { commits: Commit[]; next_cursor: string | null };
}

/** The time. */
export const time: {
  getCurrentTime(args: { timezone: string }): Promise<{ timezone: string; datetime: string; is_dst: boolean }>;
  convertTime(args: { source_timezone: string; time: string; target_timezone: string }): Promise<any>;
};

export {};
