// ms365Softeria.createChat – Create a new chat object.

// signatures

namespace ms365Softeria {
  type Actor = { application?: Application; device?: Application; user?: Application };
  type AppDefinition = {
    id?: string;
    authorization?: { clientAppId?: string | null; requiredPermissionSet?: ConsentedPermissionSet };
    createdBy?: Actor;
    description?: string | null;
    displayName?: string | null;
    lastModifiedDateTime?: string | null;
    publishingState?: "submitted" | "rejected" | "published" | "unknownFutureValue";
    shortDescription?: string | null;
    teamsAppId?: string | null;
    version?: string | null;
    bot?: { id?: string };
  };
  type Application = { displayName?: string | null; id?: string | null };
  type Attachment_4432 = {
    content?: string | null;
    contentType?: string | null;
    contentUrl?: string | null;
    id?: string | null;
    name?: string | null;
    teamsAppId?: string | null;
    thumbnailUrl?: string | null;
  };
  type Body_572c = { content?: string | null; contentType?: "text" | "html" };
  type ChannelIdentity = { channelId?: string | null; teamId?: string | null };
  type ConsentedPermissionSet = {
    resourceSpecificPermissions?: { permissionType?: "delegated" | "application" | "unknownFutureValue"; permissionValue?: string | null }[];
  };
  type EnabledApp = {
    id?: string;
    displayName?: string | null;
    distributionMethod?: "store" | "organization" | "sideloaded" | "unknownFutureValue";
    externalId?: string | null;
    appDefinitions?: AppDefinition[];
  };
  type HostedContent = { id?: string; contentBytes?: string | null; contentType?: string | null };
  type Mention = {
    id?: number | null;
    mentioned?: {
      application?: Application;
      device?: Application;
      user?: Application;
      conversation?: {
        displayName?: string | null;
        id?: string | null;
        conversationIdentityType?: "team" | "channel" | "chat" | "unknownFutureValue";
      };
    };
    mentionText?: string | null;
  };
  type MessageHistory = {
    actions?: "reactionAdded" | "reactionRemoved" | "actionUndefined" | "unknownFutureValue";
    modifiedDateTime?: string;
    reaction?: Reaction;
  };
  type MessageType = "message" | "chatEvent" | "typing" | "unknownFutureValue" | "systemEventMessage";
  type Message_3e08 = {
    id?: string;
    attachments?: Attachment_4432[];
    body?: Body_572c;
    channelIdentity?: ChannelIdentity;
    chatId?: string | null;
    createdDateTime?: string | null;
    deletedDateTime?: string | null;
    etag?: string | null;
    eventDetail?: Record<string, unknown>;
    from?: Actor;
    importance?: "normal" | "high" | "urgent" | "unknownFutureValue";
    lastEditedDateTime?: string | null;
    lastModifiedDateTime?: string | null;
    locale?: string;
    mentions?: Mention[];
    messageHistory?: MessageHistory[];
    messageType?: MessageType;
    policyViolation?: PolicyViolation;
    reactions?: Reaction[];
    replyToId?: string | null;
    subject?: string | null;
    summary?: string | null;
    webUrl?: string | null;
    hostedContents?: HostedContent[];
    replies?: Message_3e08[];
  };
  type PolicyViolation = {
    dlpAction?: "none" | "notifySender" | "blockAccess" | "blockAccessExternal";
    justificationText?: string | null;
    policyTip?: {
      complianceUrl?: string | null;
      generalText?: string | null;
      matchedConditionDescriptions?: (string | null)[];
    };
    userAction?: "none" | "override" | "reportFalsePositive";
    verdictDetails?: "none" | "allowFalsePositiveOverride" | "allowOverrideWithoutJustification" | "allowOverrideWithJustification";
  };
  type Reaction = {
    createdDateTime?: string;
    displayName?: string | null;
    reactionContentUrl?: string | null;
    reactionType?: string;
    user?: Actor;
  };
}
/** Create a new chat object. @destructive */
createChat(args: {
  body: {
    id?: string;
    chatType?: "oneOnOne" | "group" | "meeting" | "unknownFutureValue";
    createdDateTime?: string | null;
    isHiddenForAllMembers?: boolean | null;
    lastUpdatedDateTime?: string | null;
    migrationMode?: "inProgress" | "completed" | "unknownFutureValue";
    onlineMeetingInfo?: {
      calendarEventId?: string | null;
      joinWebUrl?: string | null;
      organizer?: {
        displayName?: string | null;
        id?: string | null;
        userIdentityType?: "aadUser" | "onPremiseAadUser" | "anonymousGuest" | "federatedUser" | "personalMicrosoftAccountUser" | "skypeUser" | "phoneUser" | "unknownFutureValue" | "emailUser";
      };
    };
    originalCreatedDateTime?: string | null;
    tenantId?: string | null;
    topic?: string | null;
    viewpoint?: { isHidden?: boolean | null; lastMessageReadDateTime?: string | null };
    webUrl?: string | null;
    installedApps?: {
      id?: string;
      consentedPermissionSet?: ms365Softeria.ConsentedPermissionSet;
      teamsApp?: ms365Softeria.EnabledApp;
      teamsAppDefinition?: ms365Softeria.AppDefinition;
    }[];
    lastMessagePreview?: {
      id?: string;
      body?: ms365Softeria.Body_572c;
      createdDateTime?: string | null;
      eventDetail?: Record<string, unknown>;
      from?: ms365Softeria.Actor;
      isDeleted?: boolean | null;
      messageType?: ms365Softeria.MessageType;
    };
    members?: {
      id?: string;
      displayName?: string | null;
      roles?: (string | null)[];
      visibleHistoryStartDateTime?: string | null;
    }[];
    messages?: ms365Softeria.Message_3e08[];
    permissionGrants?: {
      id?: string;
      deletedDateTime?: string | null;
      clientAppId?: string | null;
      clientId?: string | null;
      permission?: string | null;
      permissionType?: string | null;
      resourceAppId?: string | null;
    }[];
    pinnedMessages?: { id?: string; message?: ms365Softeria.Message_3e08 }[];
    tabs?: {
      id?: string;
      configuration?: {
        contentUrl?: string | null;
        entityId?: string | null;
        removeUrl?: string | null;
        websiteUrl?: string | null;
      };
      displayName?: string | null;
      webUrl?: string | null;
      teamsApp?: ms365Softeria.EnabledApp;
    }[];
    targetedMessages?: {
      id?: string;
      createdDateTime?: string | null;
      lastModifiedDateTime?: string | null;
      body?: ms365Softeria.Body_572c;
      subject?: string | null;
      attachments?: ms365Softeria.Attachment_4432[];
      importance?: "normal" | "high" | "urgent" | "unknownFutureValue";
      from?: ms365Softeria.Actor;
      channelIdentity?: ms365Softeria.ChannelIdentity;
      chatId?: string | null;
      deletedDateTime?: string | null;
      etag?: string | null;
      eventDetail?: Record<string, unknown>;
      lastEditedDateTime?: string | null;
      locale?: string;
      mentions?: ms365Softeria.Mention[];
      messageHistory?: ms365Softeria.MessageHistory[];
      messageType?: ms365Softeria.MessageType;
      policyViolation?: ms365Softeria.PolicyViolation;
      reactions?: ms365Softeria.Reaction[];
      replyToId?: string | null;
      summary?: string | null;
      webUrl?: string | null;
      hostedContents?: ms365Softeria.HostedContent[];
      replies?: ms365Softeria.Message_3e08[];
    }[];
  };
  includeHeaders?: boolean;
  excludeResponse?: boolean;
  confirm?: boolean;
}): Promise<any>;

// full

namespace ms365Softeria {
  type Actor = { application?: Application; device?: Application; user?: Application; [key: string]: unknown };
  type AppDefinition = {
    /** The unique identifier for an entity. Read-only. */
    id?: string;
    authorization?: {
      /** The registration ID of the Microsoft Entra app ID associated with the teamsApp. */
      clientAppId?: string | null;
      requiredPermissionSet?: ConsentedPermissionSet;
      [key: string]: unknown;
    };
    createdBy?: Actor;
    /** Verbose description of the application. */
    description?: string | null;
    /** The name of the app provided by the app developer. */
    displayName?: string | null;
    lastModifiedDateTime?: string | null;
    publishingState?: "submitted" | "rejected" | "published" | "unknownFutureValue";
    /** Short description of the application. */
    shortDescription?: string | null;
    /** The ID from the Teams app manifest. */
    teamsAppId?: string | null;
    /** The version number of the application. */
    version?: string | null;
    bot?: {
      /** The unique identifier for an entity. Read-only. */
      id?: string;
      [key: string]: unknown;
    };
    [key: string]: unknown;
  };
  type Application = {
    /** The display name of the identity.For drive items, the display name might not always be available or up to date. For example, if a user changes their display name the API might show the new value in a future response, but the items associated with the user don't show up as changed when using delta. */
    displayName?: string | null;
    /** Unique identifier for the identity or actor. For example, in the access reviews decisions API, this property might record the id of the principal, that is, the group, user, or application that's subject to review. */
    id?: string | null;
    [key: string]: unknown;
  };
  type Attachment_4432 = {
    /** The content of the attachment. If the attachment is a rich card, set the property to the rich card object. This property and contentUrl are mutually exclusive. */
    content?: string | null;
    /** The media type of the content attachment. The possible values are: reference: The attachment is a link to another file. Populate the contentURL with the link to the object.forwardedMessageReference: The attachment is a reference to a forwarded message. Populate the content with the original message context.Any contentType that is supported by the Bot Framework's Attachment object.application/vnd.microsoft.card.codesnippet: A code snippet. application/vnd.microsoft.card.announcement: An announcement header. */
    contentType?: string | null;
    /** The URL for the content of the attachment. */
    contentUrl?: string | null;
    /** Read-only. The unique ID of the attachment. */
    id?: string | null;
    /** The name of the attachment. */
    name?: string | null;
    /** The ID of the Teams app that is associated with the attachment. The property is used to attribute a Teams message card to the specified app. */
    teamsAppId?: string | null;
    /** The URL to a thumbnail image that the channel can use if it supports using an alternative, smaller form of content or contentUrl. For example, if you set contentType to application/word and set contentUrl to the location of the Word document, you might include a thumbnail image that represents the document. The channel could display the thumbnail image instead of the document. When the user selects the image, the channel would open the document. */
    thumbnailUrl?: string | null;
    [key: string]: unknown;
  };
  type Body_572c = {
    /** The content of the item. */
    content?: string | null;
    contentType?: "text" | "html";
    [key: string]: unknown;
  };
  type ChannelIdentity = {
    /** The identity of the channel in which the message was posted. */
    channelId?: string | null;
    /** The identity of the team in which the message was posted. */
    teamId?: string | null;
    [key: string]: unknown;
  };
  type ConsentedPermissionSet = {
    /** A collection of resource-specific permissions. */
    resourceSpecificPermissions?: {
      permissionType?: "delegated" | "application" | "unknownFutureValue";
      /** The name of the resource-specific permission. */
      permissionValue?: string | null;
      [key: string]: unknown;
    }[];
    [key: string]: unknown;
  };
  type EnabledApp = {
    /** The unique identifier for an entity. Read-only. */
    id?: string;
    /** The name of the catalog app provided by the app developer in the Microsoft Teams zip app package. */
    displayName?: string | null;
    distributionMethod?: "store" | "organization" | "sideloaded" | "unknownFutureValue";
    /** The ID of the catalog provided by the app developer in the Microsoft Teams zip app package. */
    externalId?: string | null;
    /** The details for each version of the app. */
    appDefinitions?: AppDefinition[];
    [key: string]: unknown;
  };
  type HostedContent = {
    /** The unique identifier for an entity. Read-only. */
    id?: string;
    /** Write only. Bytes for the hosted content (such as images). */
    contentBytes?: string | null;
    /** Write only. Content type. such as image/png, image/jpg. */
    contentType?: string | null;
    [key: string]: unknown;
  };
  type Mention = {
    /** Index of an entity being mentioned in the specified chatMessage. Matches the {index} value in the corresponding <at id='{index}'> tag in the message body. */
    id?: number | null;
    mentioned?: {
      application?: Application;
      device?: Application;
      user?: Application;
      conversation?: {
        /** The display name of the identity.For drive items, the display name might not always be available or up to date. For example, if a user changes their display name the API might show the new value in a future response, but the items associated with the user don't show up as changed when using delta. */
        displayName?: string | null;
        /** Unique identifier for the identity or actor. For example, in the access reviews decisions API, this property might record the id of the principal, that is, the group, user, or application that's subject to review. */
        id?: string | null;
        conversationIdentityType?: "team" | "channel" | "chat" | "unknownFutureValue";
        [key: string]: unknown;
      };
      [key: string]: unknown;
    };
    /** String used to represent the mention. For example, a user's display name, a team name. */
    mentionText?: string | null;
    [key: string]: unknown;
  };
  type MessageHistory = {
    actions?: "reactionAdded" | "reactionRemoved" | "actionUndefined" | "unknownFutureValue";
    /** The date and time when the message was modified. (date-time) */
    modifiedDateTime?: string;
    reaction?: Reaction;
    [key: string]: unknown;
  };
  type MessageType = "message" | "chatEvent" | "typing" | "unknownFutureValue" | "systemEventMessage";
  type Message_3e08 = {
    /** The unique identifier for an entity. Read-only. */
    id?: string;
    /** References to attached objects like files, tabs, meetings etc. */
    attachments?: Attachment_4432[];
    body?: Body_572c;
    channelIdentity?: ChannelIdentity;
    /** If the message was sent in a chat, represents the identity of the chat. */
    chatId?: string | null;
    /** Timestamp of when the chat message was created. */
    createdDateTime?: string | null;
    /** Read-only. Timestamp at which the chat message was deleted, or null if not deleted. */
    deletedDateTime?: string | null;
    /** Read-only. Version number of the chat message. */
    etag?: string | null;
    eventDetail?: Record<string, unknown>;
    from?: Actor;
    importance?: "normal" | "high" | "urgent" | "unknownFutureValue";
    /** Read-only. Timestamp when edits to the chat message were made. Triggers an 'Edited' flag in the Teams UI. If no edits are made the value is null. */
    lastEditedDateTime?: string | null;
    /** Read-only. Timestamp when the chat message is created (initial setting) or modified, including when a reaction is added or removed. */
    lastModifiedDateTime?: string | null;
    /** Locale of the chat message set by the client. Always set to en-us. */
    locale?: string;
    /** List of entities mentioned in the chat message. Supported entities are: user, bot, team, channel, chat, and tag. */
    mentions?: Mention[];
    /** List of activity history of a message item, including modification time and actions, such as reactionAdded, reactionRemoved, or reaction changes, on the message. */
    messageHistory?: MessageHistory[];
    messageType?: MessageType;
    policyViolation?: PolicyViolation;
    /** Reactions for this chat message (for example, Like). */
    reactions?: Reaction[];
    /** Read-only. ID of the parent chat message or root chat message of the thread. (Only applies to chat messages in channels, not chats.) */
    replyToId?: string | null;
    /** The subject of the chat message, in plaintext. */
    subject?: string | null;
    /** Summary text of the chat message that could be used for push notifications and summary views or fall back views. Only applies to channel chat messages, not chat messages in a chat. */
    summary?: string | null;
    /** Read-only. Link to the message in Microsoft Teams. */
    webUrl?: string | null;
    /** Content in a message hosted by Microsoft Teams - for example, images or code snippets. */
    hostedContents?: HostedContent[];
    /** Replies for a specified message. Supports $expand for channel messages. */
    replies?: Message_3e08[];
    [key: string]: unknown;
  };
  type PolicyViolation = {
    dlpAction?: "none" | "notifySender" | "blockAccess" | "blockAccessExternal";
    /** Justification text provided by the sender of the message when overriding a policy violation. */
    justificationText?: string | null;
    policyTip?: {
      /** The URL a user can visit to read about the data loss prevention policies for the organization. (ie, policies about what users shouldn't say in chats) */
      complianceUrl?: string | null;
      /** Explanatory text shown to the sender of the message. */
      generalText?: string | null;
      /** The list of improper data in the message that was detected by the data loss prevention app. Each DLP app defines its own conditions, examples include 'Credit Card Number' and 'Social Security Number'. */
      matchedConditionDescriptions?: (string | null)[];
      [key: string]: unknown;
    };
    userAction?: "none" | "override" | "reportFalsePositive";
    verdictDetails?: "none" | "allowFalsePositiveOverride" | "allowOverrideWithoutJustification" | "allowOverrideWithJustification";
    [key: string]: unknown;
  };
  type Reaction = {
    /** The timestamp type represents date and time information using ISO 8601 format and is always in UTC. For example, midnight UTC on Jan 1, 2014 is 2014-01-01T00:00:00Z. (date-time) */
    createdDateTime?: string;
    /** The name of the reaction. */
    displayName?: string | null;
    /** The hosted content URL for the custom reaction type. */
    reactionContentUrl?: string | null;
    /** The reaction type. Supported values include Unicode characters, custom, and some backward-compatible reaction types, such as like, angry, sad, laugh, heart, and surprised. */
    reactionType?: string;
    user?: Actor;
    [key: string]: unknown;
  };
}
/** Create a new chat object.
 * 💡 TIP: Creates a new 1:1 or group Teams chat. Body: { chatType ('oneOnOne' or 'group'), topic (optional, group only), members: [{ '@odata.type': '#microsoft.graph.aadUserConversationMember', roles: ['owner' | 'guest'], 'user@odata.bind': 'https://graph.microsoft.com/v1.0/users({id})' }] }. A oneOnOne chat requires exactly 2 members (self + other), both with role 'owner'. For group chats, include all participants. The signed-in user must be one of the members. Returns the created chat with its id — use that id with send-chat-message, list-chat-members, etc. @destructive */
createChat(args: {
  body: {
    /** The unique identifier for an entity. Read-only. */
    id?: string;
    chatType?: "oneOnOne" | "group" | "meeting" | "unknownFutureValue";
    /** Date and time at which the chat was created. Read-only. */
    createdDateTime?: string | null;
    /** Indicates whether the chat is hidden for all its members. Read-only. */
    isHiddenForAllMembers?: boolean | null;
    /** Date and time at which the chat was renamed or the list of members was last changed. Read-only. */
    lastUpdatedDateTime?: string | null;
    migrationMode?: "inProgress" | "completed" | "unknownFutureValue";
    onlineMeetingInfo?: {
      /** The identifier of the calendar event associated with the meeting. */
      calendarEventId?: string | null;
      /** The URL that users click to join or uniquely identify the meeting. */
      joinWebUrl?: string | null;
      organizer?: {
        /** The display name of the identity.For drive items, the display name might not always be available or up to date. For example, if a user changes their display name the API might show the new value in a future response, but the items associated with the user don't show up as changed when using delta. */
        displayName?: string | null;
        /** Unique identifier for the identity or actor. For example, in the access reviews decisions API, this property might record the id of the principal, that is, the group, user, or application that's subject to review. */
        id?: string | null;
        userIdentityType?: "aadUser" | "onPremiseAadUser" | "anonymousGuest" | "federatedUser" | "personalMicrosoftAccountUser" | "skypeUser" | "phoneUser" | "unknownFutureValue" | "emailUser";
        [key: string]: unknown;
      };
      [key: string]: unknown;
    };
    /** Timestamp of the original creation time for the chat. The value is null if the chat never entered migration mode. */
    originalCreatedDateTime?: string | null;
    /** The identifier of the tenant in which the chat was created. Read-only. */
    tenantId?: string | null;
    /** Subject or topic for the chat. Only available for group chats. */
    topic?: string | null;
    viewpoint?: {
      /** Indicates whether the chat is hidden for the current user. */
      isHidden?: boolean | null;
      /** Represents the dateTime up until which the current user has read chatMessages in a specific chat. */
      lastMessageReadDateTime?: string | null;
      [key: string]: unknown;
    };
    /** The URL for the chat in Microsoft Teams. The URL should be treated as an opaque blob, and not parsed. Read-only. */
    webUrl?: string | null;
    /** A collection of all the apps in the chat. Nullable. */
    installedApps?: {
      /** The unique identifier for an entity. Read-only. */
      id?: string;
      consentedPermissionSet?: ms365Softeria.ConsentedPermissionSet;
      teamsApp?: ms365Softeria.EnabledApp;
      teamsAppDefinition?: ms365Softeria.AppDefinition;
      [key: string]: unknown;
    }[];
    lastMessagePreview?: {
      /** The unique identifier for an entity. Read-only. */
      id?: string;
      body?: ms365Softeria.Body_572c;
      /** Date time object representing the time at which message was created. */
      createdDateTime?: string | null;
      eventDetail?: Record<string, unknown>;
      from?: ms365Softeria.Actor;
      /** If set to true, the original message has been deleted. */
      isDeleted?: boolean | null;
      messageType?: ms365Softeria.MessageType;
      [key: string]: unknown;
    };
    /** A collection of all the members in the chat. Nullable. */
    members?: {
      /** The unique identifier for an entity. Read-only. */
      id?: string;
      /** The display name of the user. */
      displayName?: string | null;
      /** The roles for that user. This property contains more qualifiers only when relevant - for example, if the member has owner privileges, the roles property contains owner as one of the values. Similarly, if the member is an in-tenant guest, the roles property contains guest as one of the values. A basic member shouldn't have any values specified in the roles property. An Out-of-tenant external member is assigned the owner role. */
      roles?: (string | null)[];
      /** The timestamp denoting how far back a conversation's history is shared with the conversation member. This property is settable only for members of a chat. */
      visibleHistoryStartDateTime?: string | null;
      [key: string]: unknown;
    }[];
    /** A collection of all the messages in the chat. Nullable. */
    messages?: ms365Softeria.Message_3e08[];
    /** A collection of permissions granted to apps for the chat. */
    permissionGrants?: {
      /** The unique identifier for an entity. Read-only. */
      id?: string;
      /** Date and time when this object was deleted. Always null when the object hasn't been deleted. */
      deletedDateTime?: string | null;
      /** ID of the service principal of the Microsoft Entra app that has been granted access. Read-only. */
      clientAppId?: string | null;
      /** ID of the Microsoft Entra app that has been granted access. Read-only. */
      clientId?: string | null;
      /** The name of the resource-specific permission. Read-only. */
      permission?: string | null;
      /** The type of permission. The possible values are: Application, Delegated. Read-only. */
      permissionType?: string | null;
      /** ID of the Microsoft Entra app that is hosting the resource. Read-only. */
      resourceAppId?: string | null;
      [key: string]: unknown;
    }[];
    /** A collection of all the pinned messages in the chat. Nullable. */
    pinnedMessages?: {
      /** The unique identifier for an entity. Read-only. */
      id?: string;
      message?: ms365Softeria.Message_3e08;
      [key: string]: unknown;
    }[];
    /** A collection of all the tabs in the chat. Nullable. */
    tabs?: {
      /** The unique identifier for an entity. Read-only. */
      id?: string;
      configuration?: {
        /** Url used for rendering tab contents in Teams. Required. */
        contentUrl?: string | null;
        /** Identifier for the entity hosted by the tab provider. */
        entityId?: string | null;
        /** Url called by Teams client when a Tab is removed using the Teams Client. */
        removeUrl?: string | null;
        /** Url for showing tab contents outside of Teams. */
        websiteUrl?: string | null;
        [key: string]: unknown;
      };
      /** Name of the tab. */
      displayName?: string | null;
      /** Deep link URL of the tab instance. Read-only. */
      webUrl?: string | null;
      teamsApp?: ms365Softeria.EnabledApp;
      [key: string]: unknown;
    }[];
    /** A collection of targeted messages in the chat that are visible only to specific users. Nullable. You can't expand this relationship using $expand. Targeted messages can also be retrieved via the userTeamwork: getAllTargetedMessages API. */
    targetedMessages?: {
      /** The unique identifier for an entity. Read-only. */
      id?: string;
      /** Timestamp of when the chat message was created. */
      createdDateTime?: string | null;
      /** Read-only. Timestamp when the chat message is created (initial setting) or modified, including when a reaction is added or removed. */
      lastModifiedDateTime?: string | null;
      body?: ms365Softeria.Body_572c;
      /** The subject of the chat message, in plaintext. */
      subject?: string | null;
      /** References to attached objects like files, tabs, meetings etc. */
      attachments?: ms365Softeria.Attachment_4432[];
      importance?: "normal" | "high" | "urgent" | "unknownFutureValue";
      from?: ms365Softeria.Actor;
      channelIdentity?: ms365Softeria.ChannelIdentity;
      /** If the message was sent in a chat, represents the identity of the chat. */
      chatId?: string | null;
      /** Read-only. Timestamp at which the chat message was deleted, or null if not deleted. */
      deletedDateTime?: string | null;
      /** Read-only. Version number of the chat message. */
      etag?: string | null;
      eventDetail?: Record<string, unknown>;
      /** Read-only. Timestamp when edits to the chat message were made. Triggers an 'Edited' flag in the Teams UI. If no edits are made the value is null. */
      lastEditedDateTime?: string | null;
      /** Locale of the chat message set by the client. Always set to en-us. */
      locale?: string;
      /** List of entities mentioned in the chat message. Supported entities are: user, bot, team, channel, chat, and tag. */
      mentions?: ms365Softeria.Mention[];
      /** List of activity history of a message item, including modification time and actions, such as reactionAdded, reactionRemoved, or reaction changes, on the message. */
      messageHistory?: ms365Softeria.MessageHistory[];
      messageType?: ms365Softeria.MessageType;
      policyViolation?: ms365Softeria.PolicyViolation;
      /** Reactions for this chat message (for example, Like). */
      reactions?: ms365Softeria.Reaction[];
      /** Read-only. ID of the parent chat message or root chat message of the thread. (Only applies to chat messages in channels, not chats.) */
      replyToId?: string | null;
      /** Summary text of the chat message that could be used for push notifications and summary views or fall back views. Only applies to channel chat messages, not chat messages in a chat. */
      summary?: string | null;
      /** Read-only. Link to the message in Microsoft Teams. */
      webUrl?: string | null;
      /** Content in a message hosted by Microsoft Teams - for example, images or code snippets. */
      hostedContents?: ms365Softeria.HostedContent[];
      /** Replies for a specified message. Supports $expand for channel messages. */
      replies?: ms365Softeria.Message_3e08[];
      [key: string]: unknown;
    }[];
    [key: string]: unknown;
  };
  /** Include response headers (including ETag) in the response metadata */
  includeHeaders?: boolean;
  /** Exclude the full response body and only return success or failure indication */
  excludeResponse?: boolean;
  /** For destructive operations when the confirm gate is enabled (MS365_MCP_REQUIRE_CONFIRM=true; off by default). Set to true only after the user has explicitly approved this action. When the gate is on, calls without confirm: true return { error: "confirmation_required" } without touching user data. */
  confirm?: boolean;
  [key: string]: unknown;
}): Promise<any>;
