// awslabsIam.getUser – Get detailed information about a specific IAM user.

// signatures

namespace awslabsIam {
  type Annotations = { audience?: ("user" | "assistant")[] | null; priority?: number | null; lastModified?: string | null };
}
/** Get detailed information about a specific IAM user. */
getUser(args: {
  ctx: {
    _meta?: Record<string, unknown> | null;
    content: (
      | {
          type?: "text";
          text: string;
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
        }
      | {
          type?: "image";
          data: string;
          mimeType: string;
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
        }
      | {
          type?: "audio";
          data: string;
          mimeType: string;
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
        }
      | {
          name: string;
          title?: string | null;
          uri: string;
          description?: string | null;
          mimeType?: string | null;
          size?: number | null;
          icons?: { src: string; mimeType?: string | null; sizes?: string[] | null; theme?: "light" | "dark" | null }[] | null;
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
          type?: "resource_link";
        }
      | {
          type?: "resource";
          resource:
            | { uri: string; mimeType?: string | null; _meta?: Record<string, unknown> | null; text: string }
            | { uri: string; mimeType?: string | null; _meta?: Record<string, unknown> | null; blob: string };
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
        }
    )[];
    structuredContent?: unknown;
    isError?: boolean;
    resultType?: "complete" | "input_required" | string;
  };
  user_name: string;
}): Promise<{
  user: {
    user_name: string;
    user_id: string;
    arn: string;
    path: string;
    create_date: string;
    password_last_used?: string | null;
  };
  attached_policies?: { policy_name: string; policy_arn: string }[];
  inline_policies?: string[];
  groups?: string[];
  access_keys?: { access_key_id: string; status: string; create_date: string }[];
}>;

// full

namespace awslabsIam {
  type Annotations = { audience?: ("user" | "assistant")[] | null; priority?: number | null; lastModified?: string | null };
}
/** Get detailed information about a specific IAM user. This tool retrieves comprehensive information about an IAM user including attached policies, group memberships, and access keys. Use this to get a complete picture of a user's permissions and configuration.
 * ## Usage Tips:
 * - Use this after list_users to get detailed information about specific users
 * - Review attached policies to understand user permissions
 * - Check access keys to identify potential security issues
 * Args:
 *     ctx: MCP context for error reporting
 *     user_name: The name of the IAM user
 * Returns:
 *     UserDetailsResponse containing comprehensive user information */
getUser(args: {
  ctx: {
    _meta?: Record<string, unknown> | null;
    content: (
      | {
          /** @default "text" */
          type?: "text";
          text: string;
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
        }
      | {
          /** @default "image" */
          type?: "image";
          data: string;
          mimeType: string;
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
        }
      | {
          /** @default "audio" */
          type?: "audio";
          data: string;
          mimeType: string;
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
        }
      | {
          name: string;
          title?: string | null;
          uri: string;
          description?: string | null;
          mimeType?: string | null;
          size?: number | null;
          icons?: { src: string; mimeType?: string | null; sizes?: string[] | null; theme?: "light" | "dark" | null }[] | null;
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
          /** @default "resource_link" */
          type?: "resource_link";
        }
      | {
          /** @default "resource" */
          type?: "resource";
          resource:
            | { uri: string; mimeType?: string | null; _meta?: Record<string, unknown> | null; text: string }
            | { uri: string; mimeType?: string | null; _meta?: Record<string, unknown> | null; blob: string };
          annotations?: awslabsIam.Annotations | null;
          _meta?: Record<string, unknown> | null;
        }
    )[];
    structuredContent?: unknown;
    /** @default false */
    isError?: boolean;
    /** @default "complete" */
    resultType?: "complete" | "input_required" | string;
  };
  /** The name of the IAM user to retrieve */
  user_name: string;
}): Promise<{
  /** User details */
  user: {
    /** The name of the IAM user */
    user_name: string;
    /** The unique identifier for the user */
    user_id: string;
    /** The Amazon Resource Name (ARN) of the user */
    arn: string;
    /** The path to the user */
    path: string;
    /** The date and time when the user was created */
    create_date: string;
    /** The date and time when the user's password was last used */
    password_last_used?: string | null;
  };
  /** List of attached managed policies */
  attached_policies?: { policy_name: string; policy_arn: string }[];
  /** List of inline policy names */
  inline_policies?: string[];
  /** List of group names the user belongs to */
  groups?: string[];
  /** List of access keys for the user */
  access_keys?: {
    access_key_id: string;
    /** The status of the access key (Active or Inactive) */
    status: string;
    /** The date and time when the access key was created */
    create_date: string;
  }[];
}>;
