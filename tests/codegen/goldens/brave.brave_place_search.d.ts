// brave.bravePlaceSearch – Searches Brave's Place Search API.

// signatures

namespace brave {
  type Addresse = {
    type: "address" | "street";
    name: string;
    coordinates: [number?, number?, ...any[]];
    pois: Pois[];
    pois_nearby: Pois[];
    zoom_level: number;
    distance?: Distance;
    postal_address?: PostalAddress;
  };
  type Author = { type?: string; name?: string; long_name?: string; url?: string; img?: string };
  type CurrentDay = { abbr_name?: string; full_name?: string; opens?: string; closes?: string };
  type Distance = { value: number; units: string };
  type Pois = {
    title: string;
    url: string | "";
    is_source_local: boolean;
    is_source_both: boolean;
    description?: string;
    page_age?: string;
    page_fetched?: string;
    fetched_content_timestamp?: number;
    profile?: Author;
    language?: string;
    family_friendly?: boolean;
    type: "location_result";
    provider_url: string | "";
    coordinates?: [number?, number?, ...any[]];
    zoom_level: number;
    thumbnail?: Result;
    postal_address?: PostalAddress;
    opening_hours?: { current_day?: CurrentDay[]; days?: (CurrentDay | CurrentDay[])[] };
    contact?: { email?: string; telephone?: string };
    price_range?: string;
    rating?: Rating;
    distance?: Distance;
    profiles?: Author[];
    reviews?: {
      results?: { title: string; description: string; date: string; rating?: Rating; author?: Author }[];
      viewMoreUrl?: string;
      reviews_in_foreign_language?: boolean;
    };
    pictures?: { viewMoreUrl?: string; results?: Result[] };
    action?: { type: string; url: string };
    serves_cuisine?: string[];
    categories?: string[];
    icon_category?: string;
    timezone?: string;
    timezone_offset?: number;
    id?: string;
    results?: {
      title: string;
      url: string | "";
      is_source_local: boolean;
      is_source_both: boolean;
      description?: string;
      page_age?: string;
      page_fetched?: string;
      fetched_content_timestamp?: number;
      profile?: Author;
      language?: string;
      family_friendly?: boolean;
      meta_url?: { scheme: string; netloc: string; hostname?: string; favicon?: string; path?: string };
    }[];
  };
  type PostalAddress = {
    type: "PostalAddress";
    country?: string;
    postalCode?: string;
    streetAddress?: string;
    addressRegion?: string;
    addressLocality?: string;
    displayAddress: string;
  };
  type Rating = {
    ratingValue?: number;
    bestRating?: number;
    reviewCount?: number;
    profile?: Author;
    is_tripadvisor?: boolean;
  };
  type Result = {
    src: string;
    alt?: string;
    height?: number;
    width?: number;
    bg_color?: string;
    original?: string;
    logo?: boolean;
    duplicated?: boolean;
    theme?: string;
  };
}
/** Searches Brave's Place Search API. */
bravePlaceSearch(args?: {
  query?: string;
  radius?: number;
  count?: number;
  latitude?: number;
  longitude?: number;
  location?: string;
  country?: "AR" | "AU" | "AT" | "BE" | "BR" | "CA" | "CL" | "DK" | "US" /* 28 more */;
  search_lang?: "ar" | "eu" | "bn" | "bg" | "ca" | "zh-hans" | "zh-hant" | "hr" | "vi" /* 42 more */;
  ui_lang?: "es-AR" | "en-AU" | "de-AT" | "nl-BE" | "fr-BE" | "pt-BR" | "en-CA" | "fr-CA" | "es-US" /* 29 more */;
  units?: "metric" | "imperial";
  safesearch?: "off" | "moderate" | "strict";
  spellcheck?: boolean;
  geoloc?: string;
  "api-version"?: string;
  accept?: "application/json" | "*/*";
  "cache-control"?: "no-cache";
  "user-agent"?: string;
}): Promise<{
  type: "locations";
  query?: { original: string; altered?: string; spellcheck_off?: boolean; show_strict_warning?: boolean };
  results?: brave.Pois[];
  cities?: {
    type: "city";
    name: string;
    country: string;
    coordinates: [number?, number?, ...any[]];
    thumbnail: brave.Result;
  }[];
  addresses?: brave.Addresse[];
  streets?: brave.Addresse[];
  location?: { coordinates: [number?, number?, ...any[]]; name?: string; country?: string };
}>;

// full

namespace brave {
  type Addresse = {
    /** Result is "address" when the result refers to an explicit street + number, but "street" when it refers only to the street itself. */
    type: "address" | "street";
    /** The name of the address. */
    name: string;
    /** Latitude/longitude of the address */
    coordinates: [number?, number?, ...any[]];
    /** List of POIs located at this address. */
    pois: Pois[];
    /** List of POIs nearby this address. */
    pois_nearby: Pois[];
    /** Suggested zoom level when displaying on a map. */
    zoom_level: number;
    /** Distance from the user's geolocation, if available. */
    distance?: Distance;
    postal_address?: PostalAddress;
    [key: string]: any;
  };
  type Author = { type?: string; name?: string; long_name?: string; url?: string; img?: string; [key: string]: any };
  type CurrentDay = {
    /** Short name of the day of the week (e.g. "Mon"). */
    abbr_name?: string;
    /** Full name of the day of the week (e.g. "Monday"). */
    full_name?: string;
    /** Opening time in 24h format (e.g. "09:00"). */
    opens?: string;
    /** Closing time in 24h format (e.g. "17:00"). */
    closes?: string;
    [key: string]: any;
  };
  type Distance = {
    /** The quantity of the unit. */
    value: number;
    /** The name of the unit associated with the quantity. */
    units: string;
    [key: string]: any;
  };
  type Pois = {
    /** The display title of the location. */
    title: string;
    /** Primary URL associated with the location. May be an empty string. */
    url: string | "";
    /** Whether the result is from local sources. */
    is_source_local: boolean;
    /** Whether the result is from both local and global sources. */
    is_source_both: boolean;
    /** Short description of the location (e.g. "Plaza", "Theater"). */
    description?: string;
    /** The age of the page as a date string. */
    page_age?: string;
    /** The date the page was last fetched as a date string. */
    page_fetched?: string;
    /** The timestamp of the content when it was fetched. */
    fetched_content_timestamp?: number;
    /** The profile associated with the result. */
    profile?: Author;
    /** The language of the page. */
    language?: string;
    /** Whether the result is family friendly. */
    family_friendly?: boolean;
    /** Result type identifier. */
    type: "location_result";
    /** URL of the upstream provider for this result. May be an empty string. */
    provider_url: string | "";
    /** Latitude/longitude pair for the location, when available. */
    coordinates?: [number?, number?, ...any[]];
    /** Suggested zoom level when displaying on a map. */
    zoom_level: number;
    /** The thumbnail associated with the location. */
    thumbnail?: Result;
    /** The postal address of the location. */
    postal_address?: PostalAddress;
    /** The opening hours of the location. */
    opening_hours?: {
      /** Opening hours for the current day. May contain multiple entries when the location closes and reopens during the day. */
      current_day?: CurrentDay[];
      /** Opening hours for the rest of the week. Each entry may itself be either a single day-hours object or an array of day-hours objects (when a day has multiple open/close intervals). */
      days?: (CurrentDay | CurrentDay[])[];
      [key: string]: any;
    };
    /** The contact of the location. */
    contact?: {
      /** Contact email for the business. */
      email?: string;
      /** Contact telephone number for the business. */
      telephone?: string;
      [key: string]: any;
    };
    /** Price classification string for the business (e.g. "$", "$$"). */
    price_range?: string;
    /** The rating of the result. */
    rating?: Rating;
    /** Distance from the user's geolocation, if available. */
    distance?: Distance;
    /** External profiles (e.g. data providers) associated with the result. */
    profiles?: Author[];
    /** Reviews associated with the result. */
    reviews?: {
      /** A list of trip advisor reviews for the entity. */
      results?: {
        /** The title of the review. */
        title: string;
        /** A description seen in the review. */
        description: string;
        /** The date when the review was published. */
        date: string;
        rating?: Rating;
        author?: Author;
        [key: string]: any;
      }[];
      /** A URL to a web page where more information on the result can be seen. */
      viewMoreUrl?: string;
      /** Any reviews available in a foreign language. */
      reviews_in_foreign_language?: boolean;
      [key: string]: any;
    };
    /** Pictures associated with the result. */
    pictures?: {
      /** URL where additional pictures can be viewed. */
      viewMoreUrl?: string;
      /** Thumbnail entries for the location. */
      results?: Result[];
      [key: string]: any;
    };
    /** The action associated with the result. */
    action?: {
      /** The type representing the action. */
      type: string;
      /** A URL representing the action to be taken. */
      url: string;
      [key: string]: any;
    };
    /** List of cuisine categories served. */
    serves_cuisine?: string[];
    /** List of category labels. */
    categories?: string[];
    /** Suggested icon category (e.g. "cafe"). */
    icon_category?: string;
    /** IANA timezone identifier for the location. */
    timezone?: string;
    /** UTC offset of the location's timezone, in minutes. */
    timezone_offset?: number;
    /** Temporary identifier for the location, valid for ~8 hours. Can be used with brave_local_search-style endpoints to fetch additional information. */
    id?: string;
    /** Web results related to this location. */
    results?: {
      /** The display title of the location. */
      title: string;
      /** Primary URL associated with the location. May be an empty string. */
      url: string | "";
      /** Whether the result is from local sources. */
      is_source_local: boolean;
      /** Whether the result is from both local and global sources. */
      is_source_both: boolean;
      /** Short description of the location (e.g. "Plaza", "Theater"). */
      description?: string;
      /** The age of the page as a date string. */
      page_age?: string;
      /** The date the page was last fetched as a date string. */
      page_fetched?: string;
      /** The timestamp of the content when it was fetched. */
      fetched_content_timestamp?: number;
      /** The profile associated with the result. */
      profile?: Author;
      /** The language of the page. */
      language?: string;
      /** Whether the result is family friendly. */
      family_friendly?: boolean;
      meta_url?: {
        /** The protocol scheme extracted from the URL. */
        scheme: string;
        /** The network location part extracted from the URL. */
        netloc: string;
        /** The lowercased domain name extracted from the URL. */
        hostname?: string;
        /** The favicon used for the URL. */
        favicon?: string;
        /** The hierarchical path of the URL useful as a display string. */
        path?: string;
        [key: string]: any;
      };
      [key: string]: any;
    }[];
    [key: string]: any;
  };
  type PostalAddress = {
    type: "PostalAddress";
    /** The country associated with the location. */
    country?: string;
    /** The postal code associated with the location. */
    postalCode?: string;
    /** The street address associated with the location. */
    streetAddress?: string;
    /** The region associated with the location. Usually a state. */
    addressRegion?: string;
    /** The address locality or subregion associated with the location. */
    addressLocality?: string;
    /** The displayed address string. */
    displayAddress: string;
    [key: string]: any;
  };
  type Rating = {
    /** The current value of the rating. */
    ratingValue?: number;
    /** Highest possible rating value. */
    bestRating?: number;
    /** Number of reviews backing the rating. */
    reviewCount?: number;
    profile?: Author;
    /** Whether the rating originates from Tripadvisor. */
    is_tripadvisor?: boolean;
    [key: string]: any;
  };
  type Result = {
    /** The served URL of the picture thumbnail. */
    src: string;
    /** The alt text for the thumbnail. */
    alt?: string;
    /** The height of the thumbnail. */
    height?: number;
    /** The width of the thumbnail. */
    width?: number;
    /** The background color of the thumbnail. */
    bg_color?: string;
    /** The original URL of the image. (uri) */
    original?: string;
    /** Whether the thumbnail is a logo. */
    logo?: boolean;
    /** Whether the thumbnail is duplicated. */
    duplicated?: boolean;
    /** The theme of the thumbnail (e.g. "light", "dark"). */
    theme?: string;
    [key: string]: any;
  };
}
/** Searches Brave's Place Search API. A single call may populate any combination of 'results' (POIs), 'cities', 'addresses', 'streets', and 'location' (the resolved search area), depending on the query's shape.
 * When to use:
 *     - POIs near coordinates or a named area (e.g. "coffee shops in Paris") -> 'results', each with structured business data (postal address, hours, contact, ratings, photos, categories, timezone).
 *     - Browsing general POIs (omit 'query'; supply 'latitude'+'longitude' or 'location').
 *     - Disambiguating a bare city name (e.g. "springfield") -> 'cities'.
 *     - Resolving a specific address (e.g. "350 5th avenue" with NYC coords) -> 'addresses' (often plus 'streets').
 *     - Looking up a street by name (e.g. "michigan avenue" with Chicago coords) -> 'streets'.
 * Inputs:
 *     - Anchor the search via 'latitude'+'longitude' or 'location' (or both). With neither, 'query' is required.
 *     - 'addresses' / 'streets' only surface when the query is address-/street-shaped AND geographically anchored.
 *     - 'location' format: US -- '<city> <state> <country>' (e.g. 'san francisco ca united states'); non-US -- '<city> <country>' (e.g. 'tokyo japan'). Capitalization and commas don't matter.
 *     - 'count' caps results (max 50, default 20). 'radius' (meters) biases toward closer results; it does NOT hard-limit the search area. */
bravePlaceSearch(args?: {
  /** Query string. Shape influences the response: POI-like queries -> `results`; bare/ambiguous city names -> `cities`; address- or street-shaped queries with a geographic anchor -> `addresses` and/or `streets`. If omitted, returns general POIs in the supplied area. (≤ 400 chars) */
  query?: string;
  /** Bias toward results closer to the supplied coordinates, in meters. NOT a hard cutoff -- the API may still return more distant results. If omitted, the search is performed globally. (≥ 0) */
  radius?: number;
  /** Number of results to return. Maximum is 50. Default is 20. (integer 1–50) */
  count?: number;
  /** Latitude of the geographical coordinates around which to search, in degrees (-90 to 90). Typically paired with `longitude`. (-90–90) */
  latitude?: number;
  /** Longitude of the geographical coordinates around which to search, in degrees (-180 to 180). Typically paired with `latitude`. (-180–180) */
  longitude?: number;
  /** Location string to search around, used as an alternative to `latitude` and `longitude`. For US locations prefer the form '<city> <state> <country name>' (e.g. 'san francisco ca united states'); for non-US locations use '<city> <country name>' (e.g. 'tokyo japan'). No commas or special characters needed; capitalization does not matter. (not empty) */
  location?: string;
  /** Two-letter country code (ISO 3166-1 alpha-2) used to scope the search. Defaults to 'US'. */
  country?: "AR" | "AU" | "AT" | "BE" | "BR" | "CA" | "CL" | "DK" | "FI" | "FR" | "DE" | "GR" | "HK" | "IN" | "ID" | "IT" | "JP" | "KR" | "MY" | "MX" | "NL" | "NZ" | "NO" | "CN" | "PL" | "PT" | "PH" | "RU" | "SA" | "ZA" | "ES" | "SE" | "CH" | "TW" | "TR" | "GB" | "US";
  /** Language for the search results. Defaults to 'en'. */
  search_lang?: "ar" | "eu" | "bn" | "bg" | "ca" | "zh-hans" | "zh-hant" | "hr" | "cs" | "da" | "nl" | "en" | "en-gb" | "et" | "fi" | "fr" | "gl" | "de" | "el" | "gu" | "he" | "hi" | "hu" | "is" | "it" | "jp" | "kn" | "ko" | "lv" | "lt" | "ms" | "ml" | "mr" | "nb" | "pl" | "pt-br" | "pt-pt" | "pa" | "ro" | "ru" | "sr" | "sk" | "sl" | "es" | "sv" | "ta" | "te" | "th" | "tr" | "uk" | "vi";
  /** User interface language for the response, usually of the form '<language>-<region>'. Defaults to 'en-US'. */
  ui_lang?: "es-AR" | "en-AU" | "de-AT" | "nl-BE" | "fr-BE" | "pt-BR" | "en-CA" | "fr-CA" | "es-CL" | "da-DK" | "fi-FI" | "fr-FR" | "de-DE" | "zh-HK" | "en-IN" | "en-ID" | "it-IT" | "ja-JP" | "ko-KR" | "en-MY" | "es-MX" | "nl-NL" | "en-NZ" | "no-NO" | "zh-CN" | "pl-PL" | "en-PH" | "ru-RU" | "en-ZA" | "es-ES" | "sv-SE" | "fr-CH" | "de-CH" | "zh-TW" | "tr-TR" | "en-GB" | "en-US" | "es-US";
  /** Units of measurement for distance values. Defaults to 'metric'. */
  units?: "metric" | "imperial";
  /** Safe search level for the query results. 'off' - No filtering. 'moderate' - Filter out explicit content. 'strict' - Filter out explicit and suggestive content. Defaults to 'strict'. */
  safesearch?: "off" | "moderate" | "strict";
  /** Whether to apply spellcheck before executing the search. Defaults to true. */
  spellcheck?: boolean;
  /** Optional geolocation token used to refine results. */
  geoloc?: string;
  /** The API version to use. This is denoted by the format YYYY-MM-DD. Default is the latest that is available. Read more about API versioning at https://api-dashboard.search.brave.com/documentation/guides/versioning. (^\d{4}-\d{2}-\d{2}$) */
  "api-version"?: string;
  /** The default supported media type is application/json. */
  accept?: "application/json" | "*/*";
  /** Brave Search will return cached content by default. To prevent caching set the Cache-Control header to no-cache. This is currently done as best effort. */
  "cache-control"?: "no-cache";
  /** The user agent originating the request. Brave Search can utilize the user agent to provide a different experience depending on the device as described by the string. The user agent should follow the commonly used browser agent strings on each platform. For more information on curating user agents, see RFC 9110. */
  "user-agent"?: string;
}): Promise<{
  /** Top-level response discriminator. Always "locations" for Place Search. */
  type: "locations";
  query?: {
    /** The original query string as supplied by the caller (may be empty). */
    original: string;
    /** The altered query string as supplied by the caller (may be empty). */
    altered?: string;
    spellcheck_off?: boolean;
    show_strict_warning?: boolean;
    [key: string]: any;
  };
  /** Points of interest matching the search. Populated for POI-shaped queries. */
  results?: brave.Pois[];
  /** City matches for the query. Typically populated when the query is a bare or ambiguous city name (e.g. "springfield", "san francisco"). */
  cities?: {
    type: "city";
    /** Name of the city */
    name: string;
    /** ISO country code for the city */
    country: string;
    /** Latitude/longitude of the city */
    coordinates: [number?, number?, ...any[]];
    /** Primary image for the city */
    thumbnail: brave.Result;
    [key: string]: any;
  }[];
  /** Address matches. Typically populated when the query is a street + number AND is geographically anchored via `latitude`+`longitude` or a specific `location`. */
  addresses?: brave.Addresse[];
  /** Street matches. Typically populated when the query is a street name AND is geographically anchored via `latitude`+`longitude` or a specific `location`. */
  streets?: brave.Addresse[];
  /** The search area as resolved by the API (e.g. coordinates + city name). Useful for confirming the API interpreted the input as expected and for grounding follow-up queries. */
  location?: {
    /** Latitude/longitude of the resolved search area. */
    coordinates: [number?, number?, ...any[]];
    /** Human-readable name of the resolved search area. */
    name?: string;
    /** ISO country code for the resolved search area. */
    country?: string;
    [key: string]: any;
  };
}>;
