// The fixed words of the catalogue that travel as numbers in a pack: never reordered, only added
// to.

#pragma once

#include <array>
#include <string_view>

namespace gnomon {

// kDataWords is what people usually put into a tool. The place in the list is the bit in a pack.
constexpr std::array<std::string_view, 15> kDataWords = {
    "business-content",   "files",          "source-code",  "credentials",      "customer-data",
    "marketing-contacts", "hr-data",        "finance-data", "payment-data",     "health-data",
    "meeting-audio",      "screen-content", "ai-prompts",   "web-visitor-data", "email-content"};

// kExposureWords is by which ways data leaves a tool.
constexpr std::array<std::string_view, 6> kExposureWords = {"public-links",     "guest-invites",
                                                            "third-party-apps", "browser-extension",
                                                            "desktop-client",   "api-tokens"};

// kSigninWords is how people sign in.
constexpr std::array<std::string_view, 12> kSigninWords = {
    "password", "google", "microsoft", "apple",      "github",  "facebook",
    "linkedin", "slack",  "sso",       "magic-link", "passkey", "other"};

// The place in these lists is the number in a pack; 0 is "not stated".
constexpr std::array<std::string_view, 5> kSsoWords = {"", "yes", "paid_tier", "no", "unknown"};
constexpr std::array<std::string_view, 4> kTenancyWords = {"", "none", "path", "host"};

}  // namespace gnomon
