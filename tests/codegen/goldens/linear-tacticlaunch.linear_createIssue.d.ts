// linearTacticlaunch.linearCreateIssue – Create a new issue in Linear

// signatures

/** Create a new issue in Linear */
linearCreateIssue(args: {
  title: string;
  description?: string;
  teamId: string;
  assigneeId?: string;
  priority?: number;
  projectId?: string;
  projectMilestoneId?: string;
  cycleId?: string;
  estimate?: number;
  dueDate?: string;
  labelIds?: string[];
  parentId?: string;
  subscriberIds?: string[];
  stateId?: string;
  templateId?: string;
  sortOrder?: number;
}): Promise<{ id?: string; identifier?: string; title?: string; url?: string | null }>;

// full

/** Create a new issue in Linear */
linearCreateIssue(args: {
  /** Title of the issue */
  title: string;
  /** Description of the issue (Markdown supported) */
  description?: string;
  /** ID of the team the issue belongs to */
  teamId: string;
  /** ID of the user to assign the issue to */
  assigneeId?: string;
  /** Priority of the issue (0 = No priority, 1 = Urgent, 2 = High, 3 = Normal, 4 = Low) */
  priority?: number;
  /** ID of the project the issue belongs to */
  projectId?: string;
  /** ID of the project milestone the issue belongs to */
  projectMilestoneId?: string;
  /** ID of the cycle to add the issue to */
  cycleId?: string;
  /** The estimated complexity/points for the issue */
  estimate?: number;
  /** The date at which the issue is due (YYYY-MM-DD format) */
  dueDate?: string;
  /** IDs of the labels to attach to the issue */
  labelIds?: string[];
  /** ID of the parent issue (to create as a sub-task) */
  parentId?: string;
  /** IDs of the users to subscribe to the issue */
  subscriberIds?: string[];
  /** ID of the workflow state for the issue */
  stateId?: string;
  /** ID of a template to use for creating the issue */
  templateId?: string;
  /** The position of the issue in relation to other issues */
  sortOrder?: number;
}): Promise<{ id?: string; identifier?: string; title?: string; url?: string | null }>;
