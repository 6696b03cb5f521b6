// antvChart.generateSpreadsheet – Generate a spreadsheet or pivot table for displaying tabular data.

// signatures

/** Generate a spreadsheet or pivot table for displaying tabular data. @read-only */
generateSpreadsheet(args: {
  data: Record<string, string | number | null>[];
  rows?: string[];
  columns?: string[];
  values?: string[];
  theme?: "default" | "dark";
  width?: number;
  height?: number;
}): Promise<any>;

// full

/** Generate a spreadsheet or pivot table for displaying tabular data. When 'rows' or 'values' fields are provided, it renders as a pivot table (cross-tabulation); otherwise, it renders as a regular table. Useful for displaying structured data, comparing values across categories, and creating data summaries. @read-only */
generateSpreadsheet(args: {
  /** Data for spreadsheet, an array of objects where each object represents a row. Keys are column names and values can be string, number, or null. Such as, [{ name: 'John', age: 30 }, { name: 'Jane', age: 25 }]. (not empty) */
  data: Record<string, string | number | null>[];
  /** Row header fields for pivot table. When 'rows' or 'values' is provided, the spreadsheet will be rendered as a pivot table. */
  rows?: string[];
  /** Column header fields, used to specify the order of columns. For regular tables, this determines column order; for pivot tables, this is used for column grouping. */
  columns?: string[];
  /** Value fields for pivot table. When 'rows' or 'values' is provided, the spreadsheet will be rendered as a pivot table. */
  values?: string[];
  /** Set the theme for the spreadsheet, optional, default is 'default'. */
  theme?: "default" | "dark";
  /** Set the width of chart, default is 600. */
  width?: number;
  /** Set the height of chart, default is 400. */
  height?: number;
}): Promise<any>;
