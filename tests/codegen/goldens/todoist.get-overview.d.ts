// todoist.getOverview – Get a Markdown overview.

// signatures

namespace todoist {
  type Children = {
    id: string;
    name: string;
    parentId?: string;
    folderId?: string;
    childOrder: number;
    sections: { id: string; name: string }[];
    children: Children[];
  };
  type Section = { id: string; name: string; description?: string };
}
/** Get a Markdown overview. @read-only */
getOverview(args?: { projectId?: string }): Promise<{
  type: "account_overview" | "project_overview";
  totalProjects?: number;
  totalTasks?: number;
  totalSections?: number;
  tasksWithoutSection?: number;
  projectInfo?: { id: string; name: string; isShared: boolean; isFavorite: boolean };
  hasNestedProjects?: boolean;
  inbox?: { id: string; name: string; sections: todoist.Section[] } | null;
  projects?: todoist.Children[];
  project?: { id: string; name: string };
  sections?: todoist.Section[];
  tasks?: any[];
  stats?: { totalTasks: number; totalSections: number; tasksWithoutSection: number };
}>;

// full

namespace todoist {
  type Children = {
    /** The project ID. */
    id: string;
    /** The project name. */
    name: string;
    /** The parent project ID (for sub-projects, personal projects only). */
    parentId?: string;
    /** The folder ID this project belongs to (workspace projects only). */
    folderId?: string;
    /** The ordering index among siblings. */
    childOrder: number;
    sections: { id: string; name: string }[];
    /** Nested child projects. */
    children: Children[];
  };
  type Section = {
    /** The unique ID of the section. */
    id: string;
    /** The name of the section. */
    name: string;
    /** The description of the section. Supports Markdown. */
    description?: string;
  };
}
/** Get a Markdown overview. If no projectId is provided, shows all projects with hierarchy and sections (useful for navigation). If projectId is provided, shows detailed overview of that specific project including all tasks grouped by sections. @read-only */
getOverview(args?: {
  /** Optional project ID. If provided, shows detailed overview of that project. If omitted, shows overview of all projects. (not empty) */
  projectId?: string;
}): Promise<{
  /** The type of overview returned. */
  type: "account_overview" | "project_overview";
  /** Total number of projects (account overview only). */
  totalProjects?: number;
  /** Total number of tasks. */
  totalTasks?: number;
  /** Total number of sections (project overview only). */
  totalSections?: number;
  /** Number of tasks not in any section (project overview only). */
  tasksWithoutSection?: number;
  /** Project information (project overview only). */
  projectInfo?: { id: string; name: string; isShared: boolean; isFavorite: boolean };
  /** Whether account has nested projects (account overview only). */
  hasNestedProjects?: boolean;
  /** Inbox information (account overview only). */
  inbox?: {
    /** The inbox project ID. */
    id: string;
    /** The inbox project name. */
    name: string;
    /** Sections in the inbox project. */
    sections: todoist.Section[];
  } | null;
  /** List of projects with hierarchy, folders, and ordering (account overview only). */
  projects?: todoist.Children[];
  /** Project details (project overview only). */
  project?: {
    /** The project ID. */
    id: string;
    /** The project name. */
    name: string;
  };
  /** List of sections (project overview only). */
  sections?: todoist.Section[];
  /** List of tasks (project overview only). */
  tasks?: any[];
  /** Statistics object (project overview only). */
  stats?: { totalTasks: number; totalSections: number; tasksWithoutSection: number };
}>;
