// monday.updateDoc – Update an existing monday.com document.

// signatures

namespace monday {
  type Block =
    | {
        block_type: "text";
        text_block_type?: "NORMAL_TEXT" | "LARGE_TITLE" | "MEDIUM_TITLE" | "SMALL_TITLE" | "QUOTE";
        delta_format: DeltaFormat[];
        alignment?: "LEFT" | "RIGHT" | "CENTER";
        direction?: "LTR" | "RTL";
      }
    | {
        block_type: "list_item";
        list_block_type?: "BULLETED_LIST" | "NUMBERED_LIST" | "CHECK_LIST";
        delta_format: DeltaFormat[];
        indentation?: number;
      }
    | { block_type: "code"; delta_format: DeltaFormat[]; language?: string }
    | { block_type: "divider" }
    | { block_type: "page_break" }
    | { block_type: "image"; public_url?: string; asset_id?: number | string; width?: number }
    | { block_type: "video"; raw_url: string; width?: number }
    | { block_type: "notice_box"; theme: "INFO" | "TIPS" | "WARNING" | "GENERAL" }
    | {
        block_type: "table";
        row_count: number;
        column_count: number;
        width?: number;
        column_style?: { width: number }[];
      }
    | { block_type: "layout"; column_count: number; column_style?: { width: number }[] };
  type DeltaFormat = {
    insert:
      | string
      | { text: string }
      | { mention: { id: string | number; type?: "USER" | "DOC" | "BOARD" } }
      | { column_value: { item_id: string | number; column_id: string } };
    attributes?: {
      bold?: boolean;
      italic?: boolean;
      underline?: boolean;
      strike?: boolean;
      code?: boolean;
      link?: string;
      color?: string;
      background?: string;
    };
  };
}
/** Update an existing monday.com document. @destructive */
updateDoc(args: {
  doc_id?: string;
  object_id?: string;
  operations: (
    | { operation_type: "set_name"; name: string }
    | { operation_type: "add_markdown_content"; markdown: string; after_block_id?: string }
    | {
        operation_type: "update_block";
        block_id: string;
        content:
          | {
              block_content_type: "text";
              delta_format: monday.DeltaFormat[];
              alignment?: "LEFT" | "RIGHT" | "CENTER";
              direction?: "LTR" | "RTL";
            }
          | { block_content_type: "code"; delta_format: monday.DeltaFormat[]; language?: string }
          | {
              block_content_type: "list_item";
              delta_format: monday.DeltaFormat[];
              checked?: boolean;
              indentation?: number;
            };
      }
    | { operation_type: "create_block"; after_block_id?: string; parent_block_id?: string; block: monday.Block }
    | { operation_type: "delete_blocks"; block_ids: string[] }
    | {
        operation_type: "replace_block";
        block_id: string;
        after_block_id?: string;
        parent_block_id?: string;
        block: monday.Block;
      }
    | {
        operation_type: "add_comment";
        body: string;
        parent_update_id?: number;
        mentions_list?: string;
        block_id?: string | string[];
        selection_from?: number;
        selection_length?: number;
      }
  )[];
}): Promise<any>;

// full

namespace monday {
  type Block =
    | {
        block_type: "text";
        /** Block subtype. LARGE_TITLE=H1, MEDIUM_TITLE=H2, SMALL_TITLE=H3. */
        text_block_type?: "NORMAL_TEXT" | "LARGE_TITLE" | "MEDIUM_TITLE" | "SMALL_TITLE" | "QUOTE";
        /** Array of delta operations. Last op must be {insert: {text: "\n"}}. (not empty) */
        delta_format: DeltaFormat[];
        alignment?: "LEFT" | "RIGHT" | "CENTER";
        direction?: "LTR" | "RTL";
      }
    | {
        block_type: "list_item";
        /** List type. Defaults to BULLETED_LIST. */
        list_block_type?: "BULLETED_LIST" | "NUMBERED_LIST" | "CHECK_LIST";
        /** Array of delta operations. Last op must be {insert: {text: "\n"}}. (not empty) */
        delta_format: DeltaFormat[];
        /** Nesting level (0 = no indent). (integer ≥ 0) */
        indentation?: number;
      }
    | {
        block_type: "code";
        /** Array of delta operations. Last op must be {insert: {text: "\n"}}. (not empty) */
        delta_format: DeltaFormat[];
        /** Programming language (e.g. "javascript", "python"). */
        language?: string;
      }
    | { block_type: "divider" }
    | { block_type: "page_break" }
    | {
        block_type: "image";
        /** Publicly accessible image URL. Provide either public_url or asset_id. (uri) */
        public_url?: string;
        /** monday.com asset ID for the image. The image block will reference the asset directly. Provide either public_url or asset_id. */
        asset_id?: number | string;
        /** Width in pixels. (integer ≥ 1) */
        width?: number;
      }
    | {
        block_type: "video";
        /** Video URL (YouTube, Vimeo, or direct video URL). (uri) */
        raw_url: string;
        /** Width in pixels. (integer ≥ 1) */
        width?: number;
      }
    | {
        block_type: "notice_box";
        /** Visual style of the notice box. */
        theme: "INFO" | "TIPS" | "WARNING" | "GENERAL";
      }
    | {
        block_type: "table";
        /** Number of rows (1–25). (integer 1–25) */
        row_count: number;
        /** Number of columns (1–10). (integer 1–10) */
        column_count: number;
        /** Table width in pixels. */
        width?: number;
        /** Column widths. Array length must match column_count. Widths must sum to 100. */
        column_style?: { width: number }[];
      }
    | {
        block_type: "layout";
        /** Number of columns (2–6). (integer 2–6) */
        column_count: number;
        /** Column widths. Array length must match column_count. Widths must sum to 100. */
        column_style?: { width: number }[];
      };
  type DeltaFormat = {
    /** Content to insert. Use {text: "..."} for plain text, {mention: {id, type}} to tag a user/doc/board, or {column_value: {item_id, column_id}} to embed a live column value. The last operation in the array must be {text: "\n"}. */
    insert:
      | string
      | { text: string }
      | {
          /** Mention blot — tags a user, doc, or board inline. Do not set attributes on mention ops. */
          mention: {
            /** User, doc, or board ID. Get user IDs from list_users_and_teams. */
            id: string | number;
            /** Mention type. USER is most common. @default "USER" */
            type?: "USER" | "DOC" | "BOARD";
          };
        }
      | {
          /** Column value blot — embeds a live board column value inline in the doc. */
          column_value: {
            /** The board item ID. */
            item_id: string | number;
            /** The column ID (e.g. "status", "date4"). Get column IDs from get_board_schema. */
            column_id: string;
          };
        };
    /** Optional formatting: bold, italic, underline, strike, code, link, color, background. Not applicable to mention or column_value ops. */
    attributes?: {
      bold?: boolean;
      italic?: boolean;
      underline?: boolean;
      strike?: boolean;
      code?: boolean;
      link?: string;
      color?: string;
      background?: string;
    };
  };
}
/** Update an existing monday.com document. Provide doc_id (preferred) or object_id, plus an ordered operations array (executed sequentially, stops on first failure).
 * OPERATIONS:
 * - set_name: Rename the document.
 * - add_markdown_content: Append markdown as blocks (or insert after a block). Best for text, headings, lists, simple tables — no block IDs needed.
 * - update_block: Update content of an existing text, code, or list_item block in-place.
 * - create_block: Create a new block at a precise position. Use parent_block_id to nest inside notice_box, table cell, or layout cell.
 * - delete_blocks: Permanently delete 1–100 blocks in one call. Provide all block IDs in the block_ids array. The ONLY option for BOARD, WIDGET, DOC embed, and GIPHY blocks.
 * - replace_block: Delete a block and create a new one in its place (use when update_block is not supported).
 * - add_comment: Create a new comment or reply on the document (doc-level, block-level, or text-selection).
 * WHEN TO USE EACH OPERATION:
 * - text / code / list_item → update_block. Use replace_block to change subtype (e.g. NORMAL_TEXT→LARGE_TITLE)
 * - divider / table / image / video / notice_box / layout → replace_block (properties immutable after creation)
 * - BOARD / WIDGET / DOC / GIPHY → delete_blocks only
 * GETTING BLOCK IDs: Call read_docs with include_blocks: true — returns id, type, position, and content per block.
 * BLOCK CONTENT (delta_format): Array of insert ops. Last op MUST be {insert: {text: "\n"}}.
 * - Plain: [{insert: {text: "Hello"}}, {insert: {text: "\n"}}]
 * - Bold: [{insert: {text: "Hi"}, attributes: {bold: true}}, {insert: {text: "\n"}}]
 * - Mention user/doc/board: [{insert: {text: "Hey "}}, {insert: {mention: {id: 12345, type: "USER"}}}, {insert: {text: "\n"}}] — type is USER, DOC, or BOARD. id is numeric (user IDs from list_users_and_teams)
 * - Inline column value: [{insert: {column_value: {item_id: 111, column_id: "status"}}}, {insert: {text: "\n"}}]
 * - Supported attributes: bold, italic, underline, strike, code, link, color, background (not applicable to mention/column_value ops)
 * IMAGE WITH ASSET: For asset-based images, use create_block with block_type "image" and asset_id (instead of public_url). add_markdown_content does NOT support asset images — for mixed content, alternate add_markdown_content (text) and create_block (image) operations in sequence.
 * BATCHING DELETES: delete_blocks accepts 1..100 IDs. Put ALL IDs in one operation's block_ids array. Never emit multiple delete_blocks operations in a row.
 * COMMENTS:
 * - add_comment: Create a new comment or reply on the document. Three scopes:
 *   - Doc-level (no block_id): comment appears on the doc as a whole.
 *   - Block-level (block_id only): comment is anchored to a specific block. The block shows a comment indicator in the UI.
 *   - Text-selection (block_id + selection_from + selection_length): comment is anchored to a specific character range inside a text/code/list_item block. That text is highlighted with a comment marker. Block-level and text-selection comments only work on blocks with text content (text, code, list_item, title, quote). They do NOT work on: divider, page_break, table, layout, notice_box, image, video, or giphy blocks. Get block IDs from read_docs with include_blocks: true. Format body with HTML, not markdown. Use mentions_list for @mentions. @destructive */
updateDoc(args: {
  /** The document ID (the id field from read_docs). Takes priority over object_id if both are provided. (not empty) */
  doc_id?: string;
  /** The document object ID (the object_id field from read_docs, visible in the document URL). Resolved to doc_id. (not empty) */
  object_id?: string;
  /** Ordered list of operations to perform. Executed sequentially. Stops at first failure.
   * Operation types:
   * - set_name: Rename the document.
   * - add_markdown_content: Append markdown as blocks (simplest for text/lists/tables).
   * - update_block: Change content of an existing text/code/list/divider block.
   * - create_block: Create a new block at a specific position (supports text, list_item, code, divider, page_break, image, video, notice_box, table, layout).
   * - delete_blocks: Permanently delete 1–100 blocks in one call. Provide all block IDs in the block_ids array. Works for all block types including BOARD, WIDGET, DOC embed, and GIPHY.
   * - replace_block: Delete a block and create a new one in its place. Use for: changing image/video source, table restructure, notice_box theme change.
   * - add_comment: Create a new comment or reply on the document. Use parent_update_id to reply to an existing comment. Format text with HTML. Uses the doc's backing board item.
   * WHEN TO USE WHICH:
   * - Adding new text sections → add_markdown_content
   * - Adding asset-based images → create_block with block_type "image" and asset_id (add_markdown_content does NOT support asset images)
   * - Mixed content with asset images → alternate add_markdown_content (for text) and create_block (for each image) in sequence
   * - Editing existing text block → update_block
   * - Changing an image URL → replace_block (image URL is immutable after creation)
   * - Changing video URL → replace_block
   * - Restructuring a table → replace_block
   * - BOARD/WIDGET/DOC/GIPHY blocks → delete_blocks only (no public API to create these)
   * NESTING CONTENT IN CONTAINERS:
   * - notice_box: Fully supported. Create the notice_box first, then in a separate call create child blocks with parent_block_id set to the notice_box ID. You cannot reference a block ID created in the same call.
   * - table: Cell-level API nesting is NOT supported. To create a table with content, use add_markdown_content with a markdown table (e.g. "| H1 | H2 |\n| --- | --- |\n| A | B |"). This creates a pre-populated table in one shot. Empty tables created via create_block cannot have their cells populated through the API.
   * - layout: Cell-level API nesting is NOT supported and there is no markdown equivalent. Layouts can only be created empty via create_block. No workaround exists to populate layout columns through the API. Deleting a container does NOT delete its children — delete children first for clean removal.
   * BATCHING: delete_blocks accepts 1..100 IDs. Put ALL IDs in one operation's block_ids array. Never emit multiple delete_blocks operations in a row. Block IDs are available in the blocks array returned by read_docs. (1–25 items) */
  operations: (
    | {
        operation_type: "set_name";
        /** New document name. (not empty) */
        name: string;
      }
    | {
        operation_type: "add_markdown_content";
        /** Markdown content to convert and append (or insert) as blocks. */
        markdown: string;
        /** Insert after this block ID. Omit to append at end. Block IDs come from read_docs. */
        after_block_id?: string;
      }
    | {
        operation_type: "update_block";
        /** ID of the block to update. Get block IDs from read_docs. */
        block_id: string;
        /** New content for the block. Use block_content_type to select: text (updates text/heading/quote content), code (updates code content), list_item (updates bullets/numbered/todo content). Cannot change block subtype — use replace_block for that. */
        content:
          | {
              block_content_type: "text";
              /** Array of delta operations. Last op must be {insert: {text: "\n"}}. (not empty) */
              delta_format: monday.DeltaFormat[];
              alignment?: "LEFT" | "RIGHT" | "CENTER";
              direction?: "LTR" | "RTL";
            }
          | {
              block_content_type: "code";
              /** Array of delta operations. Last op must be {insert: {text: "\n"}}. (not empty) */
              delta_format: monday.DeltaFormat[];
              /** Programming language (e.g. "javascript", "python"). */
              language?: string;
            }
          | {
              block_content_type: "list_item";
              /** Array of delta operations. Last op must be {insert: {text: "\n"}}. (not empty) */
              delta_format: monday.DeltaFormat[];
              /** Check state for CHECK_LIST items. */
              checked?: boolean;
              /** Nesting level (0 = no indent). (integer ≥ 0) */
              indentation?: number;
            };
      }
    | {
        operation_type: "create_block";
        /** Insert after this block ID. Omit to append at end. Block IDs come from read_docs. */
        after_block_id?: string;
        /** Parent block ID for nested blocks. Only works for notice_box containers — use the notice_box block ID directly. Table/layout cell nesting is NOT supported by the API. IMPORTANT: A notice_box created in the same call cannot be referenced — use a separate call first to create it, then a second call to nest content inside it. */
        parent_block_id?: string;
        /** The block to create. Use block_type to select the block type. */
        block: monday.Block;
      }
    | {
        operation_type: "delete_blocks";
        /** Block IDs to permanently delete (1–100 per call). Put ALL IDs for the delete into this single array — do NOT emit multiple delete_blocks operations back-to-back. Works for all block types including BOARD, WIDGET, DOC embed, GIPHY. (1–100 items) */
        block_ids: string[];
      }
    | {
        operation_type: "replace_block";
        /** ID of the block to delete. */
        block_id: string;
        /** Insert replacement after this block ID. Provide the ID of the block that precedes the deleted block. */
        after_block_id?: string;
        /** Parent block ID for the replacement block. */
        parent_block_id?: string;
        /** The new block to create in place of the deleted one. */
        block: monday.Block;
      }
    | {
        operation_type: "add_comment";
        /** The comment text. Use HTML tags for formatting (not markdown). Do not use @ to mention users — use mentions_list instead. (not empty) */
        body: string;
        /** The ID of an existing comment (update) to reply to. Omit to create a new top-level comment. Get comment IDs from read_docs with include_comments: true. */
        parent_update_id?: number;
        /** Optional JSON array of mentions: [{"id": "123", "type": "User"}, {"id": "456", "type": "Team"}]. Valid types: User, Team, Board, Project. */
        mentions_list?: string;
        /** Block ID (string) or array of block IDs to anchor the comment to. When an array is provided, the same comment highlights all specified blocks. Only works on text-content blocks (text, code, list_item, title, quote) — not on divider, table, layout, notice_box, image, video, or giphy. Get block IDs from read_docs with include_blocks: true. Omit to create a general doc-level comment. Pair with selection_from + selection_length (single block_id only) to comment on a specific text range. */
        block_id?: string | string[];
        /** Start character offset (0-indexed) of the selected text within the block. Requires block_id. Omit to comment on the entire block. (integer ≥ 0) */
        selection_from?: number;
        /** Number of characters in the text selection. Requires block_id and selection_from. Only works for text, code, and list_item blocks that have a delta format. (integer ≥ 1) */
        selection_length?: number;
      }
  )[];
}): Promise<any>;
