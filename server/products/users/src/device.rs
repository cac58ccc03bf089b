//! What a `User-Agent` says about the software and the device of whoever signs in, so that people recognise their
//! sessions in a list.
//!
//! Codes and names are those of Matomo's device detector, which Appwrite answers with. Why not a crate: none knows
//! these codes, and the closest bring a regular expression for each of thousands of devices. Instead, tables of the
//! words that matter; whatever they don't know stays empty, and a device's model is what the maker's software calls it.

use serde::{Deserialize, Serialize};

/// User agents are a few hundred bytes; nothing beyond this is looked at.
const LONGEST: usize = 2048;
/// Nobody's version is longer; keeps a made-up one from filling the session.
const LONGEST_VERSION: usize = 32;
/// Nobody's name of an app or a model is longer.
const LONGEST_NAME: usize = 128;

/// A device and the software on it. What isn't known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Device {
    /// Short name of the operating system, such as `WIN`.
    pub os_code: String,
    /// The operating system.
    pub os_name: String,
    /// Its version, as major.minor.
    pub os_version: String,
    /// `browser`, `library`, `mobile app`, `desktop app`, or `desktop` for Appwrite's command line.
    pub client_type: String,
    /// Short name of the browser, such as `CH`.
    pub client_code: String,
    /// The browser, app or library.
    pub client_name: String,
    /// Its version, as major.minor.
    pub client_version: String,
    /// What the browser renders with, such as `Blink`.
    pub client_engine: String,
    /// The version of that, in full.
    pub client_engine_version: String,
    /// The kind of device: `desktop`, `smartphone`, `tablet`, `tv`, `console`...
    pub device_name: String,
    /// Who makes it.
    pub device_brand: String,
    /// Which one it is.
    pub device_model: String,
}

impl Device {
    /// Reads a `User-Agent`. Takes any text, in time proportional to its length.
    #[must_use]
    pub fn parse(user_agent: &str) -> Self {
        let agent = Agent::new(user_agent);
        let os = os(&agent);
        let client = client(&agent, os.code);
        let hardware = hardware(&agent, os.code);
        Self {
            os_code: os.code.to_owned(),
            os_name: os.name.to_owned(),
            os_version: os.version,
            client_type: client.kind.to_owned(),
            client_code: client.code.to_owned(),
            client_name: client.name,
            client_version: client.version,
            client_engine: client.engine.to_owned(),
            client_engine_version: client.engine_version,
            device_name: hardware.kind.to_owned(),
            device_brand: hardware.brand.to_owned(),
            device_model: hardware.model,
        }
    }
}

/// A user agent in which words are looked up, whatever their case.
struct Agent<'a> {
    text: &'a str,
    /// The same in lower case, byte for byte as long.
    lower: String,
}

impl<'a> Agent<'a> {
    fn new(user_agent: &'a str) -> Self {
        let text = &user_agent[..user_agent.floor_char_boundary(LONGEST)];
        Self { text, lower: text.to_ascii_lowercase() }
    }

    fn says(&self, words: &str) -> bool {
        self.lower.contains(words)
    }

    /// The text behind a word, which isn't the end of a longer one.
    fn after(&self, word: &str) -> Option<&'a str> {
        let starts_word = |at: usize| !self.lower[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
        let (at, _) = self.lower.match_indices(word).find(|(at, _)| starts_word(*at))?;
        self.text.get(at + word.len()..)
    }

    /// The version of a product: `126.0.0.0` of `Chrome/126.0.0.0`.
    fn product(&self, name: &str) -> Option<&'a str> {
        self.after(name)?.strip_prefix('/').map(version)
    }

    /// The statements within the first brackets: `Linux`, `Android 14` and `Pixel 8` of `(Linux; Android 14; Pixel 8)`.
    fn statements(&self) -> impl Iterator<Item = &'a str> {
        let inside = self.text.split_once('(').map_or("", |(_, rest)| rest.split(')').next().unwrap_or_default());
        inside.split(';').map(str::trim)
    }
}

/// The version that a text begins with.
fn version(text: &str) -> &str {
    let text = text.strip_prefix('v').unwrap_or(text);
    let is_version = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'_');
    let length = text.bytes().take(LONGEST_VERSION).take_while(|byte| is_version(byte)).count();
    text[..length].trim_end_matches(['.', '_'])
}

/// A version as major.minor, which is what Appwrite stores.
fn minor(version: &str) -> String {
    version.split(['.', '_']).take(2).collect::<Vec<_>>().join(".")
}

fn shortened(name: &str) -> String {
    name[..name.floor_char_boundary(LONGEST_NAME)].to_owned()
}

// ---- operating system -----------------------------------------------------------------------------------------------

#[derive(Default)]
struct Os {
    code: &'static str,
    name: &'static str,
    version: String,
}

/// The word that gives a system away, its code and name, and what stands before its version. The first one said
/// counts: a system that poses as another one comes before it.
const SYSTEMS: &[(&str, &str, &str, &str)] = &[
    ("windows phone", "WPH", "Windows Phone", "windows phone "),
    ("xbox", "WIN", "Windows", "windows nt "),
    ("playstation", "PS3", "PlayStation", ""),
    ("nintendo", "WII", "Nintendo", ""),
    ("tizen", "TIZ", "Tizen", "tizen "),
    ("web0s", "WOS", "webOS", ""),
    ("kaios", "KOS", "KaiOS", "kaios/"),
    ("harmonyos", "HAR", "HarmonyOS", "harmonyos "),
    ("android", "AND", "Android", "android "),
    ("ipad", "IPA", "iPadOS", "os "),
    ("iphone", "IOS", "iOS", "os "),
    ("ipod", "IOS", "iOS", "os "),
    ("ios/", "IOS", "iOS", "ios/"),
    ("cros ", "COS", "Chrome OS", "cros "),
    ("windows", "WIN", "Windows", "windows nt "),
    ("mac os x", "MAC", "Mac", "mac os x "),
    ("macintosh", "MAC", "Mac", ""),
    ("macos", "MAC", "Mac", "macos "),
    ("darwin", "MAC", "Mac", ""),
    ("ubuntu", "UBT", "Ubuntu", "ubuntu "),
    ("fedora", "FED", "Fedora", "fedora/"),
    ("debian", "DEB", "Debian", "debian "),
    ("freebsd", "BSD", "FreeBSD", ""),
    ("openbsd", "OBS", "OpenBSD", ""),
    ("netbsd", "NBS", "NetBSD", ""),
    ("linux", "LIN", "GNU/Linux", ""),
    ("j2me/midp", "JME", "Java ME", ""),
];

/// What Windows calls itself, and what it is sold as.
const WINDOWS: &[(&str, &str)] =
    &[("10.0", "10"), ("6.3", "8.1"), ("6.2", "8"), ("6.1", "7"), ("6.0", "Vista"), ("5.2", "XP"), ("5.1", "XP")];

fn os(agent: &Agent) -> Os {
    // Apple's network library names the kernel only, which is that of phones and desktops.
    let unclear = agent.says("cfnetwork/");
    // At the start of a word: axios/1.7 is no iOS.
    let said = |word: &str| agent.after(word).is_some() && !(unclear && word == "darwin");
    let Some(&(_, code, name, before)) = SYSTEMS.iter().find(|(word, ..)| said(word)) else { return Os::default() };
    let version = match code {
        "WIN" => windows(agent),
        "COS" => minor(agent.after(before).and_then(|rest| rest.split_once(' ')).map_or("", |(_, rest)| version(rest))),
        "IOS" | "IPA" => minor(agent.after(before).or_else(|| agent.after("ios/")).map_or("", version)),
        _ if before.is_empty() => String::new(),
        _ => minor(agent.after(before).map_or("", version)),
    };
    Os { code, name, version }
}

fn windows(agent: &Agent) -> String {
    let kernel = agent.after("windows nt ").map_or("", version);
    let sold_as = WINDOWS.iter().find(|(number, _)| *number == kernel).map(|(_, name)| *name);
    // Node's `os.version()` is the name it is sold as: `Windows 10 Pro`.
    let named = || agent.after("windows ").map_or("", version);
    sold_as.map_or_else(|| minor(if kernel.is_empty() { named() } else { kernel }), str::to_owned)
}

// ---- client ---------------------------------------------------------------------------------------------------------

#[derive(Default)]
struct Client {
    kind: &'static str,
    code: &'static str,
    name: String,
    version: String,
    engine: &'static str,
    engine_version: String,
}

/// Browsers by what they call themselves. All pose as Chrome, Firefox or Safari, so those come last.
const BROWSERS: &[(&str, &str, &str)] = &[
    ("edg", "PS", "Microsoft Edge"),
    ("edga", "PS", "Microsoft Edge"),
    ("edgios", "PS", "Microsoft Edge"),
    ("edge", "PS", "Microsoft Edge"),
    ("opr", "OP", "Opera"),
    ("opx", "OX", "Opera GX"),
    ("opt", "OO", "Opera Touch"),
    ("opios", "O1", "Opera Mini iOS"),
    ("opera mini", "OI", "Opera Mini"),
    ("samsungbrowser", "SB", "Samsung Browser"),
    ("vivaldi", "VI", "Vivaldi"),
    ("yabrowser", "YA", "Yandex Browser"),
    ("ucbrowser", "UC", "UC Browser"),
    ("mqqbrowser", "QQ", "QQ Browser"),
    ("miuibrowser", "MU", "Mi Browser"),
    ("huaweibrowser", "HU", "Huawei Browser Mobile"),
    ("heytapbrowser", "H8", "HeyTapBrowser"),
    ("vivobrowser", "VV", "vivo Browser"),
    ("coc_coc_browser", "CC", "Coc Coc"),
    ("whale", "WH", "Whale Browser"),
    ("brave", "BR", "Brave"),
    ("duckduckgo", "DD", "DuckDuckGo Privacy Browser"),
    ("ddg", "DD", "DuckDuckGo Privacy Browser"),
    ("silk", "MS", "Mobile Silk"),
    ("epiphany", "EP", "GNOME Web"),
    ("palemoon", "PM", "Pale Moon"),
    ("nintendobrowser", "3N", "Nintendo Browser"),
    ("fxios", "F1", "Firefox Mobile iOS"),
    ("crios", "CI", "Chrome Mobile iOS"),
    ("headlesschrome", "HC", "Headless Chrome"),
    ("chromium", "CR", "Chromium"),
    ("firefox", "FF", "Firefox"),
    ("chrome", "CH", "Chrome"),
    ("opera", "OP", "Opera"),
    ("trident", "IE", "Internet Explorer"),
];

/// What programs send requests with.
const LIBRARIES: &[(&str, &str)] = &[
    ("curl", "curl"),
    ("wget", "Wget"),
    ("python-requests", "Python Requests"),
    ("aiohttp", "aiohttp"),
    ("python-httpx", "HTTPX"),
    ("python-urllib", "Python urllib"),
    ("undici", "undici"),
    ("node-fetch", "Node Fetch"),
    ("axios", "Axios"),
    ("got", "got"),
    ("dart", "Dart"),
    ("okhttp", "OkHttp"),
    ("go-http-client", "Go-http-client"),
    ("postmanruntime", "Postman Desktop"),
    ("insomnia", "Insomnia REST Client"),
    ("httpie", "HTTPie"),
    ("guzzlehttp", "Guzzle (PHP HTTP Client)"),
    ("apache-httpclient", "Apache HTTP Client"),
    ("java", "Java"),
    ("libwww-perl", "Perl"),
    ("ruby", "ruby"),
    ("reqwest", "reqwest"),
    ("deno", "Deno"),
    ("bun", "Bun"),
    ("node", "Node.js"),
];

fn client(agent: &Agent, os: &str) -> Client {
    if agent.lower.starts_with("mozilla/") || agent.lower.starts_with("opera/") {
        return electron(agent).or_else(|| browser(agent, os)).unwrap_or_default();
    }
    appwrite(agent).or_else(|| app(agent, os)).or_else(|| library(agent)).unwrap_or_default()
}

fn browser(agent: &Agent, os: &str) -> Option<Client> {
    let known = BROWSERS.iter().find_map(|&(word, code, name)| Some((code, name, agent.product(word)?)));
    let (code, name, said) = known.or_else(|| webkit_browser(agent, os))?;
    let (code, name) = on_device(agent, os, code, name);
    let said = match code {
        // These two name an older version of themselves for the sake of old websites.
        "IE" => agent.after("msie ").or_else(|| agent.after("rv:")).map_or(said, version),
        "OP" if agent.lower.starts_with("opera/") => agent.product("version").unwrap_or(said),
        _ => said,
    };
    let (engine, engine_version) = engine(agent);
    let version = minor(said);
    Some(Client { kind: "browser", code, name: name.to_owned(), version, engine, engine_version })
}

/// Browsers that don't say who they are: what comes with the system.
fn webkit_browser<'a>(agent: &Agent<'a>, os: &str) -> Option<(&'static str, &'static str, &'a str)> {
    agent.product("applewebkit")?;
    let version = agent.product("version").unwrap_or_default();
    match os {
        "IOS" | "IPA" => Some(("MF", "Mobile Safari", version)),
        "AND" => Some(("AN", "Android Browser", version)),
        "TIZ" => Some(("TZ", "Tizen Browser", version)),
        "PS3" => Some(("NF", "NetFront", "")),
        _ => agent.product("safari").map(|_| ("SF", "Safari", version)),
    }
}

/// Some browsers have another name on a phone, or as a part of an app.
fn on_device(agent: &Agent, os: &str, code: &'static str, name: &'static str) -> (&'static str, &'static str) {
    let phone = agent.says("mobile");
    match (code, os) {
        ("CH", "AND" | "HAR") if agent.says("; wv)") => ("CV", "Chrome Webview"),
        ("CH", "AND" | "HAR") if phone => ("CM", "Chrome Mobile"),
        ("FF", "AND" | "HAR" | "KOS") => ("FM", "Firefox Mobile"),
        ("OP", "AND" | "HAR") => ("OM", "Opera Mobile"),
        _ => (code, name),
    }
}

fn engine(agent: &Agent) -> (&'static str, String) {
    const ENGINES: &[(&str, &str)] = &[
        ("trident", "Trident"),
        ("edge", "Edge"),
        ("presto", "Presto"),
        ("goanna", "Goanna"),
        ("headlesschrome", "Blink"),
        ("chrome", "Blink"),
        ("applewebkit", "WebKit"),
        ("gecko", "Gecko"),
    ];
    let found = ENGINES.iter().find_map(|&(word, name)| Some((name, agent.product(word)?)));
    let (name, said) = found.unwrap_or_default();
    // Firefox on desktops writes a date there, the same one since 2010.
    let said = if name == "Gecko" { agent.after("rv:").map_or(said, version) } else { said };
    (name, said.to_owned())
}

/// A browser that is delivered as somebody's app.
fn electron(agent: &Agent) -> Option<Client> {
    let version = minor(agent.product("electron")?);
    let (engine, engine_version) = engine(agent);
    Some(Client {
        kind: "desktop app",
        name: "Electron".to_owned(),
        version,
        engine,
        engine_version,
        ..Client::default()
    })
}

/// Appwrite's own command line, and its SDKs for servers: `AppwriteNodeJSSDK/17.0.0`.
fn appwrite(agent: &Agent) -> Option<Client> {
    if let Some(version) = agent.product("appwritecli") {
        let (name, version) = ("Appwrite CLI".to_owned(), version.to_owned());
        return Some(Client { kind: "desktop", code: "cli", name, version, ..Client::default() });
    }
    let mut ours = agent.text.split([' ', '(', ',']).filter_map(|product| product.strip_prefix("Appwrite"));
    let (language, said) = ours.find_map(|product| product.split_once("SDK/"))?;
    let name = shortened(&format!("Appwrite {language} SDK"));
    Some(Client { kind: "library", name, version: minor(version(said)), ..Client::default() })
}

/// An app that uses an Appwrite SDK, which begins with its package: `com.example.app/1.0.0 (Linux; U; Android 14)`.
fn app(agent: &Agent, os: &str) -> Option<Client> {
    let (name, said) = agent.text.split([' ', ',']).next()?.split_once('/')?;
    let is_package =
        name.contains('.') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let kind = match os {
        _ if !is_package => return None,
        "AND" | "HAR" | "IOS" | "IPA" => "mobile app",
        _ => "desktop app",
    };
    Some(Client { kind, name: shortened(name), version: minor(version(said)), ..Client::default() })
}

fn library(agent: &Agent) -> Option<Client> {
    // Some don't say which version they are.
    let first = agent.lower.split(' ').next();
    let said = |word: &str| agent.product(word).or_else(|| (first == Some(word)).then_some(""));
    let (name, said) = LIBRARIES.iter().find_map(|&(word, name)| Some((name, said(word)?)))?;
    Some(Client { kind: "library", name: name.to_owned(), version: minor(said), ..Client::default() })
}

// ---- hardware -------------------------------------------------------------------------------------------------------

#[derive(Default)]
struct Hardware {
    kind: &'static str,
    brand: &'static str,
    model: String,
}

impl Hardware {
    fn new(kind: &'static str, brand: &'static str, model: &str) -> Self {
        Self { kind, brand, model: shortened(model) }
    }
}

/// How the models of a maker begin, in lower case. With a space: the maker's name, which isn't part of the model.
const BRANDS: &[(&str, &str)] = &[
    ("samsung ", "Samsung"),
    ("sm-", "Samsung"),
    ("gt-", "Samsung"),
    ("google ", "Google"),
    ("pixel", "Google"),
    ("nexus", "Google"),
    ("xiaomi ", "Xiaomi"),
    ("redmi", "Xiaomi"),
    ("mi ", "Xiaomi"),
    ("poco ", "POCO"),
    ("huawei ", "Huawei"),
    ("honor ", "Honor"),
    ("oneplus ", "OnePlus"),
    ("oppo ", "OPPO"),
    ("cph", "OPPO"),
    ("realme ", "Realme"),
    ("rmx", "Realme"),
    ("vivo ", "Vivo"),
    ("moto", "Motorola"),
    ("xt1", "Motorola"),
    ("xt2", "Motorola"),
    ("nokia ", "Nokia"),
    ("sony ", "Sony"),
    ("xq-", "Sony"),
    ("bravia", "Sony"),
    ("lg-", "LG"),
    ("lm-", "LG"),
    ("lenovo ", "Lenovo"),
    ("asus", "Asus"),
    ("kf", "Amazon"),
    ("fairphone ", "Fairphone"),
];

/// How the models of tablets begin that pose as phones.
const TABLETS: &[&str] = &["sm-t", "sm-x", "sm-p", "kf", "pixel tablet", "nexus 7", "nexus 9", "nexus 10"];

/// What a television says of itself.
const TELEVISIONS: &[&str] = &["smart-tv", "smarttv", "android tv", "googletv", "bravia", "web0s", "hbbtv"];

fn hardware(agent: &Agent, os: &str) -> Hardware {
    match os {
        _ if agent.says("xbox") => {
            Hardware::new("console", "Microsoft", if agent.says("xbox one") { "Xbox One" } else { "Xbox" })
        }
        "PS3" => Hardware::new("console", "Sony", &playstation(agent)),
        "WII" => Hardware::new("console", "Nintendo", if agent.says("switch") { "Switch" } else { "" }),
        "WOS" => Hardware::new("tv", "LG", ""),
        "IPA" => Hardware::new("tablet", "Apple", "iPad"),
        "IOS" if agent.says("ipod") => Hardware::new("portable media player", "Apple", "iPod Touch"),
        "IOS" => Hardware::new("smartphone", "Apple", "iPhone"),
        "WPH" => Hardware::new("smartphone", "", ""),
        "KOS" | "JME" => Hardware::new("feature phone", "", ""),
        "AND" | "HAR" => android(agent),
        "TIZ" if agent.says("tv") => Hardware::new("tv", "Samsung", ""),
        "TIZ" => Hardware::new("smartphone", "Samsung", ""),
        "MAC" => Hardware::new("desktop", "Apple", ""),
        "" => Hardware::default(),
        _ => Hardware::new("desktop", "", ""),
    }
}

fn playstation(agent: &Agent) -> String {
    let number = agent.after("playstation ").map_or("", version);
    format!("PlayStation {number}").trim_end().to_owned()
}

fn android(agent: &Agent) -> Hardware {
    let said = android_model(agent);
    let lower = said.to_ascii_lowercase();
    let (prefix, brand) = BRANDS.iter().find(|(prefix, _)| lower.starts_with(prefix)).copied().unwrap_or_default();
    let model = if prefix.ends_with(' ') && prefix != "mi " { &said[prefix.len()..] } else { said };
    // Browsers say Mobile on phones only.
    let is_browser = agent.lower.starts_with("mozilla/");
    let is = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    let kind = if TELEVISIONS.iter().any(|word| agent.says(word)) {
        "tv"
    } else if is(TABLETS) || agent.says("tablet") || (is_browser && !agent.says("mobile")) {
        "tablet"
    } else {
        "smartphone"
    };
    Hardware::new(kind, brand, model)
}

/// The statement behind Android's version that isn't about the browser. Browsers that keep the model secret say `K`.
fn android_model<'a>(agent: &Agent<'a>) -> &'a str {
    let is_language = |text: &str| matches!(text.as_bytes(), [b'a'..=b'z', b'a'..=b'z'] | [_, _, b'-' | b'_', _, _]);
    let is_other = |text: &str| {
        let lower = text.to_ascii_lowercase();
        matches!(lower.as_str(), "" | "k" | "u" | "wv" | "mobile" | "tablet" | "harmonyos") || lower.starts_with("rv:")
    };
    let behind = agent.statements().skip_while(|text| !text.to_ascii_lowercase().starts_with("android"));
    let model = behind.skip(1).find(|text| !is_language(text) && !is_other(text)).unwrap_or_default();
    model.split(" Build/").next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(agent: &str) -> [String; 3] {
        let device = Device::parse(agent);
        [device.os_code, device.os_name, device.os_version]
    }

    fn client(agent: &str) -> [String; 6] {
        let device = Device::parse(agent);
        let engine = [device.client_engine, device.client_engine_version];
        let [engine, engine_version] = engine;
        [device.client_type, device.client_code, device.client_name, device.client_version, engine, engine_version]
    }

    fn hardware(agent: &str) -> [String; 3] {
        let device = Device::parse(agent);
        [device.device_name, device.device_brand, device.device_model]
    }

    const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
    const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)";
    const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64)";
    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X)";
    const PIXEL: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Pro Build/UQ1A.240205.002)";
    const CHROME: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
    const MOBILE_CHROME: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";
    const WEBKIT: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";

    #[test]
    fn knows_operating_systems() {
        for (agent, expected) in [
            (WINDOWS, ["WIN", "Windows", "10"]),
            ("Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:47.0)", ["WIN", "Windows", "7"]),
            ("Mozilla/5.0 (Windows NT 6.3; Win64; x64)", ["WIN", "Windows", "8.1"]),
            (MAC, ["MAC", "Mac", "10.15"]),
            (IPHONE, ["IOS", "iOS", "17.5"]),
            ("Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X)", ["IPA", "iPadOS", "16.6"]),
            (PIXEL, ["AND", "Android", "14"]),
            ("Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", ["AND", "Android", "14"]),
            (LINUX, ["LIN", "GNU/Linux", ""]),
            ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0)", ["UBT", "Ubuntu", ""]),
            ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)", ["COS", "Chrome OS", "14541.0"]),
            ("Mozilla/5.0 (X11; FreeBSD amd64; rv:127.0)", ["BSD", "FreeBSD", ""]),
            ("curl/8.5.0", ["", "", ""]),
            ("axios/1.7.2", ["", "", ""]),
            ("MyApp/1 CFNetwork/1494.0.7 Darwin/23.4.0", ["", "", ""]),
        ] {
            assert_eq!(os(agent), expected, "{agent}");
        }
    }

    #[test]
    fn knows_browsers_of_desktops() {
        let blink = ["Blink", "126.0.0.0"];
        for (agent, [code, name, version], [engine, engine_version]) in [
            (format!("{WINDOWS} {CHROME}"), ["CH", "Chrome", "126.0"], blink),
            (format!("{WINDOWS} {CHROME} Edg/126.0.2592.68"), ["PS", "Microsoft Edge", "126.0"], blink),
            (format!("{WINDOWS} {CHROME} Edge/18.17763"), ["PS", "Microsoft Edge", "18.17763"], ["Edge", "18.17763"]),
            (format!("{WINDOWS} {CHROME} OPR/111.0.0.0"), ["OP", "Opera", "111.0"], blink),
            (format!("{WINDOWS} {CHROME} Vivaldi/6.8.3381.44"), ["VI", "Vivaldi", "6.8"], blink),
            (
                format!("{MAC} {WEBKIT} Version/17.4.1 Safari/605.1.15"),
                ["SF", "Safari", "17.4"],
                ["WebKit", "605.1.15"],
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0".to_owned(),
                ["FF", "Firefox", "127.0"],
                ["Gecko", "127.0"],
            ),
            (
                "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; AS; rv:11.0) like Gecko".to_owned(),
                ["IE", "Internet Explorer", "11.0"],
                ["Trident", "7.0"],
            ),
            (
                "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18".to_owned(),
                ["OP", "Opera", "12.18"],
                ["Presto", "2.12.388"],
            ),
        ] {
            assert_eq!(client(&agent), ["browser", code, name, version, engine, engine_version], "{agent}");
            assert_eq!(Device::parse(&agent).device_name, "desktop", "{agent}");
        }
    }

    #[test]
    fn knows_browsers_of_phones() {
        let (blink, webkit) = (["Blink", "126.0.0.0"], ["WebKit", "605.1.15"]);
        let phone = "Mozilla/5.0 (Linux; Android 10; K)";
        for (agent, [code, name, version], [engine, engine_version]) in [
            (format!("{phone} {MOBILE_CHROME}"), ["CM", "Chrome Mobile", "126.0"], blink),
            (format!("{phone} {MOBILE_CHROME} EdgA/125.0.2535.51"), ["PS", "Microsoft Edge", "125.0"], blink),
            (format!("{phone} {MOBILE_CHROME} OPR/76.2.4027.73374"), ["OM", "Opera Mobile", "76.2"], blink),
            (format!("{phone} SamsungBrowser/21.0 {MOBILE_CHROME}"), ["SB", "Samsung Browser", "21.0"], blink),
            (
                format!("Mozilla/5.0 (Linux; Android 12; SM-A125F; wv) {MOBILE_CHROME}"),
                ["CV", "Chrome Webview", "126.0"],
                blink,
            ),
            (
                format!("{IPHONE} {WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1"),
                ["MF", "Mobile Safari", "17.5"],
                webkit,
            ),
            (
                format!("{IPHONE} {WEBKIT} CriOS/126.0.6478.54 Mobile/15E148"),
                ["CI", "Chrome Mobile iOS", "126.0"],
                webkit,
            ),
            (format!("{IPHONE} {WEBKIT} FxiOS/127.0 Mobile/15E148"), ["F1", "Firefox Mobile iOS", "127.0"], webkit),
            (
                "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0".to_owned(),
                ["FM", "Firefox Mobile", "127.0"],
                ["Gecko", "127.0"],
            ),
        ] {
            assert_eq!(client(&agent), ["browser", code, name, version, engine, engine_version], "{agent}");
            assert_eq!(Device::parse(&agent).device_name, "smartphone", "{agent}");
        }
    }

    #[test]
    fn knows_libraries() {
        for (agent, name, version) in [
            ("curl/8.5.0", "curl", "8.5"),
            ("python-requests/2.31.0", "Python Requests", "2.31"),
            ("Python/3.11 aiohttp/3.9.1", "aiohttp", "3.9"),
            ("node", "Node.js", ""),
            ("undici", "undici", ""),
            ("got (https://github.com/sindresorhus/got)", "got", ""),
            ("axios/1.7.2", "Axios", "1.7"),
            ("Dart/3.4 (dart:io)", "Dart", "3.4"),
            ("okhttp/4.12.0", "OkHttp", "4.12"),
            ("Apache-HttpClient/4.5.13 (Java/11.0.2)", "Apache HTTP Client", "4.5"),
            ("AppwriteNodeJSSDK/17.0.0 (linux; x64)", "Appwrite NodeJS SDK", "17.0"),
            ("Terraform/1.16.4 AppwriteGoSDK/v7.5.0 (darwin; arm64)", "Appwrite Go SDK", "7.5"),
        ] {
            assert_eq!(client(agent), ["library", "", name, version, "", ""], "{agent}");
        }
        assert_eq!(client("AppwriteCLI/8.2.0 Darwin/24.5.0"), ["desktop", "cli", "Appwrite CLI", "8.2.0", "", ""]);
    }

    #[test]
    fn knows_apps_that_use_an_sdk() {
        let flutter = "com.example.app/1.2.3 (Linux; U; Android 13; samsung SM-S918B)";
        assert_eq!(client(flutter), ["mobile app", "", "com.example.app", "1.2", "", ""]);
        assert_eq!(hardware(flutter), ["smartphone", "Samsung", "SM-S918B"]);
        let kotlin = "io.example/1.0, Dalvik/2.1.0 (Linux; U; Android 13; Pixel 6 Build/TQ3A.230901.001)";
        assert_eq!(client(kotlin), ["mobile app", "", "io.example", "1.0", "", ""]);
        assert_eq!(hardware(kotlin), ["smartphone", "Google", "Pixel 6"]);
        let apple = "com.example.app/1.0.0 iPhone14,2 iOS/17.5";
        assert_eq!((os(apple), hardware(apple)[2].as_str()), (["IOS", "iOS", "17.5"].map(str::to_owned), "iPhone"));
        assert_eq!(client("com.example.app/1.0.0 (Macintosh; MacBookPro18,3)")[0], "desktop app");
        assert_eq!(client(&format!("{MAC} {CHROME} Electron/28.2.3"))[..4], ["desktop app", "", "Electron", "28.2"]);
    }

    #[test]
    fn knows_devices() {
        let on = |statements: &str, browser: &str| hardware(&format!("Mozilla/5.0 ({statements}) {browser}"));
        assert_eq!(
            on("Linux; Android 14; Pixel 8 Pro Build/UQ1A", MOBILE_CHROME),
            ["smartphone", "Google", "Pixel 8 Pro"]
        );
        assert_eq!(on("Linux; Android 10; K", MOBILE_CHROME), ["smartphone", "", ""]);
        assert_eq!(on("Linux; Android 13; SAMSUNG SM-G991B", MOBILE_CHROME), ["smartphone", "Samsung", "SM-G991B"]);
        assert_eq!(
            on("Linux; U; Android 10; en-US; Redmi Note 7", MOBILE_CHROME),
            ["smartphone", "Xiaomi", "Redmi Note 7"]
        );
        assert_eq!(on("Linux; Android 12; SM-T870", CHROME), ["tablet", "Samsung", "SM-T870"]);
        assert_eq!(on("Linux; Android 12; Lenovo TB-X606F", CHROME), ["tablet", "Lenovo", "TB-X606F"]);
        assert_eq!(on("Linux; Android 9; BRAVIA 4K UR2 Build/PTT1", CHROME), ["tv", "Sony", "BRAVIA 4K UR2"]);
        assert_eq!(on("Windows NT 10.0; Win64; x64; Xbox; Xbox One", CHROME), ["console", "Microsoft", "Xbox One"]);
        assert_eq!(on("PlayStation; PlayStation 5/2.26", WEBKIT), ["console", "Sony", "PlayStation 5"]);
        assert_eq!(hardware(MAC), ["desktop", "Apple", ""]);
        assert_eq!(hardware(IPHONE), ["smartphone", "Apple", "iPhone"]);
        assert_eq!(hardware("Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X)"), ["tablet", "Apple", "iPad"]);
        assert_eq!(hardware("curl/8.5.0"), ["", "", ""]);
    }

    #[test]
    fn what_it_does_not_know_is_empty() {
        for agent in
            ["", " ", "/", "(", ")(", ";;;", "UNKNOWN", "Mozilla/5.0", "Mozilla/5.0 (", "\u{1f600}/1.0 \u{1f600}"]
        {
            assert_eq!(Device::parse(agent), Device::default(), "{agent:?}");
        }
    }

    #[test]
    fn survives_every_piece_of_a_user_agent() {
        for agent in [format!("{PIXEL} {MOBILE_CHROME} EdgA/1_2.x"), format!("ä{IPHONE}ö {WEBKIT} Version/ü")] {
            for (at, _) in agent.char_indices() {
                let _ = Device::parse(&agent[..at]);
                let _ = Device::parse(&agent[at..]);
            }
        }
    }

    #[test]
    fn made_up_lengths_are_cut() {
        let long = Device::parse(&format!(
            "a.{}/{} (Linux; Android 1; {})",
            "é".repeat(10),
            "1".repeat(900),
            "ü".repeat(9000)
        ));
        assert_eq!(long.client_name, "");
        let device = Device::parse(&format!("a.{}/{}", "b".repeat(900), "1".repeat(900)));
        assert_eq!((device.client_name.len(), device.client_version.len()), (LONGEST_NAME, LONGEST_VERSION));
        assert!(long.device_model.len() <= LONGEST_NAME && !long.device_model.is_empty());
        let _ = Device::parse(&"(;/".repeat(1_000_000));
    }
}
