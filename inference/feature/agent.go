package feature

import "strings"

// Families of browsers and operating systems, from what a browser says of
// itself (client hints, OpenRTB's sua) or from its user agent. A user agent is
// read by a few fixed words in its first bytes, in a fixed order: what no word
// tells is missing, in training as in serving.

const maxAgent = 512 // bytes of a user agent that are looked at

// word is what tells a family.
type word struct{ word, family string }

// browserOf looks for those who name others, too, before those whom others name.
func browserOf(agent string) string {
	return family(agent, []word{
		{"Edg", "edge"},
		{"OPR/", "opera"},
		{"OPT/", "opera"},
		{"SamsungBrowser", "samsung"},
		{"YaBrowser", "yandex"},
		{"UCBrowser", "uc"},
		{"Firefox/", "firefox"},
		{"FxiOS/", "firefox"},
		{"FBAN", "facebook"},
		{"FBAV", "facebook"},
		{"Instagram", "instagram"},
		{"; wv)", "webview"},
		{"CriOS/", "chrome"},
		{"Chrome/", "chrome"},
		{"Trident/", "ie"},
		{"MSIE ", "ie"},
		{"Safari/", "safari"},
		{"AppleWebKit/", "webview"},
	})
}

func systemOf(agent string) string {
	return family(agent, []word{
		{"Windows Phone", "windows phone"},
		{"Windows", "windows"},
		{"iPhone", "ios"},
		{"iPad", "ios"},
		{"iPod", "ios"},
		{"AppleTV", "tvos"},
		{"Apple TV", "tvos"},
		{"Tizen", "tizen"},
		{"Web0S", "webos"},
		{"webOS", "webos"},
		{"Roku", "roku"},
		{"Android", "android"},
		{"CrOS", "chrome os"},
		{"Macintosh", "macos"},
		{"Mac OS X", "macos"},
		{"Linux", "linux"},
		{"X11", "linux"},
		{"PlayStation", "playstation"},
	})
}

func family(agent string, words []word) string {
	agent = agent[:min(len(agent), maxAgent)]
	for i := range words {
		if strings.Contains(agent, words[i].word) {
			return words[i].family
		}
	}
	return ""
}

// brand is the family of a brand of client hints; "" for those that only say
// what it is built on, or are there to be ignored.
func brand(name string) string {
	switch name {
	case "Google Chrome":
		return "chrome"
	case "Microsoft Edge":
		return "edge"
	case "Opera", "Opera GX", "Opera Mobile":
		return "opera"
	case "Samsung Internet":
		return "samsung"
	case "Yandex", "YaBrowser":
		return "yandex"
	case "Firefox":
		return "firefox"
	case "Safari", "Mobile Safari":
		return "safari"
	case "Android WebView":
		return "webview"
	case "Chromium":
		return chromium
	}
	return ""
}

// chromium is what many are built on, and a browser of its own.
const chromium = "chromium"

// clearer returns which of two families says more; the first of equals.
func clearer(a, b string) string {
	if a == "" || a == chromium && b != "" {
		return b
	}
	return a
}

// platform is the family of client hints' platform.
func platform(name string) string {
	switch name {
	case "Android":
		return "android"
	case "iOS":
		return "ios"
	case "Windows":
		return "windows"
	case "macOS", "Mac OS X":
		return "macos"
	case "Linux":
		return "linux"
	case "Chrome OS", "Chromium OS":
		return "chrome os"
	case "Tizen":
		return "tizen"
	}
	return ""
}
