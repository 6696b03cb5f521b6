// excelHaris.transformRange – Remove duplicate rows, split text into columns, or fill down, right or as a series, like…

// signatures

/** Remove duplicate rows, split text into columns, or fill down, right or as a series, like Excel's Data and Fill commands. @destructive */
transformRange(args: {
  path: string;
  sheet: string;
  range: string;
  transform: {
    operation: "remove_duplicates" | "text_to_columns" | "fill";
    columns?: string[];
    has_header?: boolean;
    delimiters?: string[];
    fixed_widths_chars?: number[];
    text_qualifier?: "\"" | "'" | "";
    merge_delimiters?: boolean;
    direction?: "down" | "right";
    series?: "copy" | "linear" | "growth" | "date";
    step?: number;
    stop?: string | number;
    unit?: "day" | "weekday" | "month" | "year";
  };
}): Promise<any>;

// full

/** Remove duplicate rows, split text into columns, or fill down, right or as a series, like Excel's Data and Fill commands. @destructive */
transformRange(args: {
  path: string;
  sheet: string;
  range: string;
  transform: {
    /** remove_duplicates keeps the first of equal rows. text_to_columns splits one column into the columns to its right. fill fills from the first row or column. */
    operation: "remove_duplicates" | "text_to_columns" | "fill";
    /** remove_duplicates: columns that must match, by header or letter. Default: all. */
    columns?: string[];
    /** remove_duplicates. @default true */
    has_header?: boolean;
    /** text_to_columns: 'tab', 'semicolon', 'comma', 'space' or a character. */
    delimiters?: string[];
    /** text_to_columns, instead of delimiters: widths of all but the last field. */
    fixed_widths_chars?: number[];
    /** text_to_columns: '' for none. @default "\"" */
    text_qualifier?: "\"" | "'" | "";
    /** text_to_columns: treat consecutive delimiters as one. */
    merge_delimiters?: boolean;
    /** fill. */
    direction?: "down" | "right";
    /** fill: copy repeats the first line; the others continue it. @default "copy" */
    series?: "copy" | "linear" | "growth" | "date";
    /** fill series: added (linear, date) or multiplied by (growth). @default 1 */
    step?: number;
    /** fill series: last value, dates '2026-12-31'. */
    stop?: string | number;
    /** fill date series. @default "day" */
    unit?: "day" | "weekday" | "month" | "year";
  };
}): Promise<any>;
