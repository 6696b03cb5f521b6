// twilio.twilioApiV2010ListCall – Retrieves a collection of calls made to and from your account (Uses default AccountSid…

// signatures

/** Retrieves a collection of calls made to and from your account (Uses default AccountSid: AC00000000000000000000000000000000 if not provided) */
twilioApiV2010ListCall(args: {
  AccountSid: string;
  To?: string;
  From?: string;
  ParentCallSid?: string;
  Status?: string;
  StartTime?: string;
  "StartTime<"?: string;
  "StartTime>"?: string;
  EndTime?: string;
  "EndTime<"?: string;
  "EndTime>"?: string;
  PageSize?: number;
  Page?: number;
  PageToken?: string;
}): Promise<any>;

// full

/** Twilio - Api: This is the public Twilio REST API. Retrieves a collection of calls made to and from your account (Uses default AccountSid: AC00000000000000000000000000000000 if not provided) */
twilioApiV2010ListCall(args: {
  /** The SID of the [Account](https://www.twilio.com/docs/iam/api/account) that created the Call resource(s) to read. */
  AccountSid: string;
  /** Only show calls made to this phone number, SIP address, Client identifier or SIM SID. */
  To?: string;
  /** Only include calls from this phone number, SIP address, Client identifier or SIM SID. */
  From?: string;
  /** Only include calls spawned by calls with this SID. */
  ParentCallSid?: string;
  /** The status of the calls to include. Can be: `queued`, `ringing`, `in-progress`, `canceled`, `completed`, `failed`, `busy`, or `no-answer`. */
  Status?: string;
  /** Only include calls that started on this date. Specify a date as `YYYY-MM-DD` in UTC, for example: `2009-07-06`, to read only calls that started on this date. You can also specify an inequality, such as `StartTime<=YYYY-MM-DD`, to read calls that started on or before midnight of this date, and `StartTime>=YYYY-MM-DD` to read calls that started on or after midnight of this date. */
  StartTime?: string;
  /** Only include calls that started on this date. Specify a date as `YYYY-MM-DD` in UTC, for example: `2009-07-06`, to read only calls that started on this date. You can also specify an inequality, such as `StartTime<=YYYY-MM-DD`, to read calls that started on or before midnight of this date, and `StartTime>=YYYY-MM-DD` to read calls that started on or after midnight of this date. */
  "StartTime<"?: string;
  /** Only include calls that started on this date. Specify a date as `YYYY-MM-DD` in UTC, for example: `2009-07-06`, to read only calls that started on this date. You can also specify an inequality, such as `StartTime<=YYYY-MM-DD`, to read calls that started on or before midnight of this date, and `StartTime>=YYYY-MM-DD` to read calls that started on or after midnight of this date. */
  "StartTime>"?: string;
  /** Only include calls that ended on this date. Specify a date as `YYYY-MM-DD` in UTC, for example: `2009-07-06`, to read only calls that ended on this date. You can also specify an inequality, such as `EndTime<=YYYY-MM-DD`, to read calls that ended on or before midnight of this date, and `EndTime>=YYYY-MM-DD` to read calls that ended on or after midnight of this date. */
  EndTime?: string;
  /** Only include calls that ended on this date. Specify a date as `YYYY-MM-DD` in UTC, for example: `2009-07-06`, to read only calls that ended on this date. You can also specify an inequality, such as `EndTime<=YYYY-MM-DD`, to read calls that ended on or before midnight of this date, and `EndTime>=YYYY-MM-DD` to read calls that ended on or after midnight of this date. */
  "EndTime<"?: string;
  /** Only include calls that ended on this date. Specify a date as `YYYY-MM-DD` in UTC, for example: `2009-07-06`, to read only calls that ended on this date. You can also specify an inequality, such as `EndTime<=YYYY-MM-DD`, to read calls that ended on or before midnight of this date, and `EndTime>=YYYY-MM-DD` to read calls that ended on or after midnight of this date. */
  "EndTime>"?: string;
  /** How many resources to return in each list page. The default is 50, and the maximum is 1000. */
  PageSize?: number;
  /** The page index. This value is simply for client state. */
  Page?: number;
  /** The page token. This is provided by the API. */
  PageToken?: string;
}): Promise<any>;
