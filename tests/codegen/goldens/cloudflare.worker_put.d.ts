// cloudflare.workerPut – Create or update a Worker script with optional bindings and compatibility settings

// signatures

/** Create or update a Worker script with optional bindings and compatibility settings */
workerPut(args: {
  name: string;
  script: string;
  bindings?: {
    type: "kv_namespace" | "r2_bucket" | "d1_database" | "service" | "analytics_engine" | "queue" | "durable_object_namespace";
    name: string;
    namespace_id?: string;
    bucket_name?: string;
    database_id?: string;
    service?: string;
    dataset?: string;
    queue_name?: string;
    class_name?: string;
    script_name?: string;
  }[];
  migrations?: Record<string, unknown>;
  compatibility_date?: string;
  compatibility_flags?: string[];
  skip_workers_dev?: boolean;
  no_observability?: boolean;
}): Promise<any>;

// full

/** Create or update a Worker script with optional bindings and compatibility settings */
workerPut(args: {
  /** Name of the Worker script */
  name: string;
  /** The Worker script content */
  script: string;
  /** Optional array of resource bindings (KV, R2, D1, etc) */
  bindings?: {
    /** Type of binding (kv_namespace, r2_bucket, d1_database, service, analytics_engine, queue, durable_object) */
    type: "kv_namespace" | "r2_bucket" | "d1_database" | "service" | "analytics_engine" | "queue" | "durable_object_namespace";
    /** Name of the binding in the Worker code */
    name: string;
    /** ID of the KV namespace (required for kv_namespace type) */
    namespace_id?: string;
    /** Name of the R2 bucket (required for r2_bucket type) */
    bucket_name?: string;
    /** ID of the D1 database (required for d1_database type) */
    database_id?: string;
    /** Name of the service (required for service type) */
    service?: string;
    /** Name of the analytics dataset (required for analytics_engine type) */
    dataset?: string;
    /** Name of the queue (required for queue type) */
    queue_name?: string;
    /** Name of the Durable Object class (required for durable_object_namespace type) */
    class_name?: string;
    /** Optional script name for external Durable Object bindings */
    script_name?: string;
  }[];
  /** Optional migrations object which describes the set of new/changed/deleted Durable Objects to apply when deploying this worker e.g. adding a new Durable Object for the first time requires an entry in the "new_sqlite_classes" or "new_classes" property. */
  migrations?: Record<string, unknown>;
  /** Optional compatibility date for the Worker (e.g., "2024-01-01") */
  compatibility_date?: string;
  /** Optional array of compatibility flags */
  compatibility_flags?: string[];
  /** Do not deploy the Worker on your workers.dev subdomain. Should be set to true if the user already has a domain name, or doesn't want this worker to be publicly accessible.. */
  skip_workers_dev?: boolean;
  /** Disable Worker Logs for this worker, which automatically ingests logs emitted from Cloudflare Workers and lets you filter, and analyze them in the Cloudflare dashboard. */
  no_observability?: boolean;
}): Promise<any>;
