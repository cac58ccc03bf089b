//! The names of headers, parsed once: looking one up or setting one by its text would parse it each time.

use http::header::HeaderName;

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {
        $(pub(crate) static $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    // Of requests.
    ACCEPT = "accept";
    ACCEPT_ENCODING = "accept-encoding";
    CONTENT_ENCODING = "content-encoding";
    CONTENT_LENGTH = "content-length";
    CONTENT_TYPE = "content-type";
    COOKIE = "cookie";
    FETCH_SITE = "sec-fetch-site";
    FALLBACK_COOKIES = "x-fallback-cookies";
    FORMAT = "x-appwrite-response-format";
    FORWARDED_FOR = "x-forwarded-for";
    FORWARDED_PROTO = "x-forwarded-proto";
    FORWARDED_USER_AGENT = "x-forwarded-user-agent";
    HOPS = "x-floe-hops";
    HOST = "host";
    IF_NONE_MATCH = "if-none-match";
    JWT = "x-appwrite-jwt";
    KEY = "x-appwrite-key";
    LOCALE = "x-appwrite-locale";
    MODE = "x-appwrite-mode";
    ORIGIN = "origin";
    PROJECT = "x-appwrite-project";
    RANGE = "range";
    REFERER = "referer";
    REQUEST_ID = "x-request-id";
    SESSION = "x-appwrite-session";
    SETUP_TOKEN = "x-floe-setup-token";
    TIMESTAMP = "x-appwrite-timestamp";
    TIMEOUT = "x-appwrite-timeout";
    UPGRADE = "upgrade";
    USER_AGENT = "user-agent";

    // Of answers.
    CACHE_CONTROL = "cache-control";
    CONTENT_SECURITY_POLICY = "content-security-policy";
    CONTENT_TYPE_OPTIONS = "x-content-type-options";
    FRAME_OPTIONS = "x-frame-options";
    RATE_LIMIT = "x-ratelimit-limit";
    RATE_REMAINING = "x-ratelimit-remaining";
    RATE_RESET = "x-ratelimit-reset";
    REFERRER_POLICY = "referrer-policy";
    SERVER = "server";
    WARNING = "x-appwrite-warning";
    STRICT_TRANSPORT_SECURITY = "strict-transport-security";
}
