// xcodebuild.sessionShowDefaults – Show current active defaults.

// signatures

namespace xcodebuild {
  type SessionDefaultsProfile = {
    projectPath: string | null;
    workspacePath: string | null;
    scheme: string | null;
    configuration: string | null;
    simulatorName: string | null;
    simulatorId: string | null;
    simulatorPlatform: "iOS Simulator" | "watchOS Simulator" | "tvOS Simulator" | "visionOS Simulator" | null;
    deviceId: string | null;
    useLatestOS: boolean | null;
    arch: "arm64" | "x86_64" | null;
    suppressWarnings: boolean | null;
    derivedDataPath: string | null;
    preferXcodebuild: boolean | null;
    platform: string | null;
    bundleId: string | null;
    env: Record<string, string> | null;
    extraArgs?: string[] | null;
  };
}
/** Show current active defaults. @read-only */
sessionShowDefaults(args?: Record<string, never>): Promise<
  | ({
      schema: "xcodebuildmcp.output.session-defaults";
      schemaVersion: "2";
      didError: boolean;
      error: string | null;
      data: {
        currentProfile: string;
        profiles: { "(default)": xcodebuild.SessionDefaultsProfile; [key: string]: xcodebuild.SessionDefaultsProfile };
        operation?:
          | { type: "show" }
          | { type: "sync-xcode" }
          | {
              type: "set";
              changedKeys?: string[];
              persisted?: boolean;
              activatedProfile?: string;
              notices?: string[];
            }
          | { type: "clear"; scope: "all" | "profile" | "current"; profile?: string; clearedKeys?: string[] };
      };
      nextSteps?: string[];
    } & (
      | { didError: false; error: null }
      | { didError: true; error: string }
      | { didError?: never; error?: string | null }
    ))
  | {
      schema: "xcodebuildmcp.output.error";
      schemaVersion: "1";
      didError: true;
      error: string;
      data: { category: "runtime" | "validation" | "schema"; code: string };
    }
>;

// full

namespace xcodebuild {
  type SessionDefaultsProfile = {
    projectPath: string | null;
    workspacePath: string | null;
    scheme: string | null;
    configuration: string | null;
    simulatorName: string | null;
    simulatorId: string | null;
    simulatorPlatform: "iOS Simulator" | "watchOS Simulator" | "tvOS Simulator" | "visionOS Simulator" | null;
    deviceId: string | null;
    useLatestOS: boolean | null;
    arch: "arm64" | "x86_64" | null;
    suppressWarnings: boolean | null;
    derivedDataPath: string | null;
    preferXcodebuild: boolean | null;
    platform: string | null;
    bundleId: string | null;
    env: Record<string, string> | null;
    extraArgs?: string[] | null;
  };
}
/** Show current active defaults. Required before your first build/run/test call in a session — do not assume defaults are configured. @read-only */
sessionShowDefaults(args?: Record<string, never>): Promise<
  | ({
      schema: "xcodebuildmcp.output.session-defaults";
      schemaVersion: "2";
      didError: boolean;
      error: string | null;
      data: {
        currentProfile: string;
        profiles: { "(default)": xcodebuild.SessionDefaultsProfile; [key: string]: xcodebuild.SessionDefaultsProfile };
        operation?:
          | { type: "show" }
          | { type: "sync-xcode" }
          | {
              type: "set";
              changedKeys?: string[];
              persisted?: boolean;
              activatedProfile?: string;
              notices?: string[];
            }
          | { type: "clear"; scope: "all" | "profile" | "current"; profile?: string; clearedKeys?: string[] };
      };
      nextSteps?: string[];
    } & (
      | { didError: false; error: null }
      | {
          didError: true;
          /** not empty */
          error: string;
        }
      | { didError?: never; error?: string | null }
    ))
  | {
      schema: "xcodebuildmcp.output.error";
      schemaVersion: "1";
      didError: true;
      /** not empty */
      error: string;
      data: {
        category: "runtime" | "validation" | "schema";
        /** not empty */
        code: string;
      };
    }
>;
