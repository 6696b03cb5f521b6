// git.gitLog – Shows the commit logs

// signatures

/** Shows the commit logs @read-only @needs-approval */
gitLog(args: { repo_path: string; max_count?: number; start_timestamp?: string | null; end_timestamp?: string | null }): Promise<Observed<{ author?: { name: string }; sha: string; tags?: any[] }[]>>;

// full

/** Shows the commit logs @read-only @needs-approval @observed in 2 calls */
gitLog(args: {
  repo_path: string;
  /** @default 10 */
  max_count?: number;
  /** Start timestamp for filtering commits. Accepts: ISO 8601 format (e.g., '2024-01-15T14:30:25'), relative dates (e.g., '2 weeks ago', 'yesterday'), or absolute dates (e.g., '2024-01-15', 'Jan 15 2024') */
  start_timestamp?: string | null;
  /** End timestamp for filtering commits. Accepts: ISO 8601 format (e.g., '2024-01-15T14:30:25'), relative dates (e.g., '2 weeks ago', 'yesterday'), or absolute dates (e.g., '2024-01-15', 'Jan 15 2024') */
  end_timestamp?: string | null;
}): Promise<Observed<{ author?: { name: string }; sha: string; tags?: any[] }[]>>;
