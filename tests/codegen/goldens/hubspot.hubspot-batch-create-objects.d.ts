// hubspot.hubspotBatchCreateObjects – Creates multiple HubSpot objects of the same objectType in a single API call, optimizing…

// signatures

/** Creates multiple HubSpot objects of the same objectType in a single API call, optimizing for bulk operations. */
hubspotBatchCreateObjects(args: {
  objectType: string;
  inputs: {
    properties: Record<string, string>;
    associations?: {
      types: {
        associationCategory: "HUBSPOT_DEFINED" | "USER_DEFINED" | "INTEGRATOR_DEFINED";
        associationTypeId: number;
      }[];
      to: { id: string };
    }[];
    objectWriteTraceId?: string;
  }[];
}): Promise<any>;

// full

/** 🛡️ Guardrails:
 *   1. Data Modification Warning: This tool modifies HubSpot data. Only use when the user has explicitly requested to update their CRM.
 * 🎯 Purpose:
 *   1. Creates multiple HubSpot objects of the same objectType in a single API call, optimizing for bulk operations.
 * 📋 Prerequisites:
 *   1. Use the hubspot-get-user-details tool to get the OwnerId and UserId if you don't have that already.
 *   2. Use the hubspot-list-objects tool to sample existing objects for the object type.
 *   3. Use the hubspot-get-association-definitions tool to identify valid association types before creating associations. */
hubspotBatchCreateObjects(args: {
  /** The type of HubSpot object to create. Valid values include: appointments, companies, contacts, courses, deals, leads, line_items, listings, marketing_events, meetings, orders, postal_mail, products, quotes, services, subscriptions, tickets, users. For custom objects, use the hubspot-get-schemas tool to get the objectType. */
  objectType: string;
  /** Array of objects to create (maximum 100 per batch) (1–100 items) */
  inputs: {
    /** Object properties as key-value pairs */
    properties: Record<string, string>;
    /** Optional list of associations to create with this object */
    associations?: {
      /** not empty */
      types: {
        associationCategory: "HUBSPOT_DEFINED" | "USER_DEFINED" | "INTEGRATOR_DEFINED";
        /** integer > 0 */
        associationTypeId: number;
      }[];
      to: {
        /** ID of the object to associate with */
        id: string;
      };
    }[];
    /** Optional trace ID for debugging purposes */
    objectWriteTraceId?: string;
  }[];
}): Promise<any>;
