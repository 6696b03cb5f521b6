// webflow.elementBuilder – Designer Tool - Element builder to create element on current active page. only create…

// signatures

namespace webflow {
  type SetAttributes = { attributes: { name: string; value: string }[] };
  type SetDomConfig = { dom_tag: string };
  type SetImageAsset = { image_asset_id: string; alt_text?: string };
  type SetLink = { link_type: "url" | "file" | "page" | "element" | "email" | "phone"; link: string };
  type Type = "Container" | "Section" | "DivBlock" | "Heading" | "TextBlock" | "Paragraph" | "Button" | "TextLink" | "LinkBlock" | "Image" | "DOM";
}
/** Designer Tool - Element builder to create element on current active page. only create elements upto max 3 levels deep. divide your elements into smaller… */
elementBuilder(args: {
  siteId: string;
  actions: {
    parent_element_id: { component: string; element: string };
    creation_position: "append" | "prepend";
    element_schema: {
      type: webflow.Type;
      set_style?: { style_names: string[] };
      set_text?: { text: string };
      set_link?: webflow.SetLink;
      set_heading_level?: { heading_level: number };
      set_image_asset?: webflow.SetImageAsset;
      set_dom_config?: webflow.SetDomConfig;
      set_attributes?: webflow.SetAttributes;
      children?: {
        type: webflow.Type;
        set_style?: { style_names: string[] };
        set_text?: { text: string };
        set_link?: webflow.SetLink;
        set_heading_level?: { heading_level: number };
        set_image_asset?: webflow.SetImageAsset;
        set_dom_config?: webflow.SetDomConfig;
        set_attributes?: webflow.SetAttributes;
        children?: {
          type: webflow.Type;
          set_style?: { style_names: string[] };
          set_text?: { text: string };
          set_link?: webflow.SetLink;
          set_heading_level?: { heading_level: number };
          set_image_asset?: webflow.SetImageAsset;
          set_dom_config?: webflow.SetDomConfig;
          set_attributes?: webflow.SetAttributes;
          children?: {
            type: webflow.Type;
            set_style?: { style_names: string[] };
            set_text?: { text: string };
            set_link?: webflow.SetLink;
            set_heading_level?: { heading_level: number };
            set_image_asset?: webflow.SetImageAsset;
            set_dom_config?: webflow.SetDomConfig;
            set_attributes?: webflow.SetAttributes;
            children?: {
              type: webflow.Type;
              set_style?: { style_names: string[] };
              set_text?: { text: string };
              set_link?: webflow.SetLink;
              set_heading_level?: { heading_level: number };
              set_image_asset?: webflow.SetImageAsset;
              set_dom_config?: webflow.SetDomConfig;
              set_attributes?: webflow.SetAttributes;
            }[];
          }[];
        }[];
      }[];
    };
  }[];
}): Promise<any>;

// full

namespace webflow {
  type SetAttributes = {
    /** The attributes to set on the element. */
    attributes: {
      /** The name of the attribute to set. */
      name: string;
      /** The value of the attribute to set. */
      value: string;
    }[];
  };
  type SetDomConfig = {
    /** The tag of the DOM element to create. for example span, code, etc. */
    dom_tag: string;
  };
  type SetImageAsset = {
    /** The image asset id to set on the element. */
    image_asset_id: string;
    /** The alt text to set on the image. if not provided it will inherit from the image asset. */
    alt_text?: string;
  };
  type SetLink = {
    /** The type of link to set on the element. */
    link_type: "url" | "file" | "page" | "element" | "email" | "phone";
    /** The link to set on the element. */
    link: string;
  };
  type Type = "Container" | "Section" | "DivBlock" | "Heading" | "TextBlock" | "Paragraph" | "Button" | "TextLink" | "LinkBlock" | "Image" | "DOM";
}
/** Designer Tool - Element builder to create element on current active page. only create elements upto max 3 levels deep. divide your elements into smaller elements to create complex structures. recall this tool to create more elements. but max level is upto 3 levels. you can have as many children as you want. but max level is 3 levels. */
elementBuilder(args: {
  /** The ID of the site. DO NOT ASSUME site id. ALWAYS ask user for site id if not already provided or known. use sites_list tool to fetch all sites and then ask user to select one of them. */
  siteId: string;
  actions: {
    /** The id of the parent element to create element on, you can find it from id field on element. e.g id:{component:123,element:456}. */
    parent_element_id: {
      /** The component id of the element to perform action on. */
      component: string;
      /** The element id of the element to perform action on. */
      element: string;
    };
    /** The position to create element on. append to the end of the parent element or prepend to the beginning of the parent element. as child of the parent element. */
    creation_position: "append" | "prepend";
    /** element schema of element to create. */
    element_schema: {
      /** The type of element to create. with DOM type you can create any element. make sure you pass dom_config if you are creating a DOM element. */
      type: webflow.Type;
      /** Set style on the element. it will remove all other styles on the element. and set only the styles passed in style_names. */
      set_style?: {
        /** The style names to set on the element. */
        style_names: string[];
      };
      /** Set text on the element. only valid for text block, paragraph, heading, button, text link, link block. */
      set_text?: {
        /** The text to set on the element. */
        text: string;
      };
      /** Set link on the element. only valid for button, text link, link block. */
      set_link?: webflow.SetLink;
      /** Set heading level on the element. only valid for heading. */
      set_heading_level?: {
        /** The heading level to set on the element. (1–6) */
        heading_level: number;
      };
      /** Set image asset on the element. only valid for image. */
      set_image_asset?: webflow.SetImageAsset;
      /** Set DOM config on the element. only valid for DOM element. */
      set_dom_config?: webflow.SetDomConfig;
      /** Set attributes on the element. */
      set_attributes?: webflow.SetAttributes;
      /** The children of the element. only valid for container, section, div block, valid DOM elements. */
      children?: {
        type: webflow.Type;
        set_style?: {
          /** The style names to set on the element. */
          style_names: string[];
        };
        set_text?: {
          /** The text to set on the element. */
          text: string;
        };
        set_link?: webflow.SetLink;
        set_heading_level?: {
          /** The heading level to set on the element. (1–6) */
          heading_level: number;
        };
        set_image_asset?: webflow.SetImageAsset;
        set_dom_config?: webflow.SetDomConfig;
        set_attributes?: webflow.SetAttributes;
        children?: {
          type: webflow.Type;
          set_style?: {
            /** The style names to set on the element. */
            style_names: string[];
          };
          set_text?: {
            /** The text to set on the element. */
            text: string;
          };
          set_link?: webflow.SetLink;
          set_heading_level?: {
            /** The heading level to set on the element. (1–6) */
            heading_level: number;
          };
          set_image_asset?: webflow.SetImageAsset;
          set_dom_config?: webflow.SetDomConfig;
          set_attributes?: webflow.SetAttributes;
          children?: {
            type: webflow.Type;
            set_style?: {
              /** The style names to set on the element. */
              style_names: string[];
            };
            set_text?: {
              /** The text to set on the element. */
              text: string;
            };
            set_link?: webflow.SetLink;
            set_heading_level?: {
              /** The heading level to set on the element. (1–6) */
              heading_level: number;
            };
            set_image_asset?: webflow.SetImageAsset;
            set_dom_config?: webflow.SetDomConfig;
            set_attributes?: webflow.SetAttributes;
            children?: {
              type: webflow.Type;
              set_style?: {
                /** The style names to set on the element. */
                style_names: string[];
              };
              set_text?: {
                /** The text to set on the element. */
                text: string;
              };
              set_link?: webflow.SetLink;
              set_heading_level?: {
                /** The heading level to set on the element. (1–6) */
                heading_level: number;
              };
              set_image_asset?: webflow.SetImageAsset;
              set_dom_config?: webflow.SetDomConfig;
              set_attributes?: webflow.SetAttributes;
            }[];
          }[];
        }[];
      }[];
    };
  }[];
}): Promise<any>;
