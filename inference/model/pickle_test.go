package model

import (
	"bytes"
	"strings"
	"testing"
)

// Whatever is no plain Booster is refused as a pickle, before anything of it
// is read as a model.
func TestRefusesPickles(t *testing.T) {
	booster := "\x80\x02cxgboost.core\nBooster\n)\x81"
	for _, tt := range []struct {
		name, pickle, says string
	}{
		{"os.system by name", "\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.", `"os.system"`},
		{"os.system by texts", "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", `"posix.system"`},
		{"a thing of xgboost", "\x80\x02cxgboost.sklearn\nXGBClassifier\n)\x81}b.", `"xgboost.sklearn.XGBClassifier"`},
		{"builtins.eval", "\x80\x02c__builtin__\neval\nX\x02\x00\x00\x00id\x85R.", `"builtins.eval"`},
		{"Booster with arguments", "\x80\x02cxgboost.core\nBooster\nX\x01\x00\x00\x00a\x85\x81}b.", "other than a Booster"},
		{"Booster called", "\x80\x02cxgboost.core\nBooster\n)R.", "calls a function"},
		{"encode called oddly", "\x80\x02c_codecs\nencode\nX\x02\x00\x00\x00idX\x03\x00\x00\x00hex\x86R.", "calls a function"},
		{"bytearray of a number", "\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "calls a function"},
		{"bytearray as a Booster", "\x80\x02c__builtin__\nbytearray\n)\x81}b.", "other than a Booster"},
		{"a persistent id", "\x80\x02X\x01\x00\x00\x00aQ.", "instruction 0x51"},
		{"an extension", "\x80\x02\x82\x01.", "instruction 0x82"},
		{"an old instance", "\x80\x02(ios\nsystem\n.", "instruction 0x69"},
		{"a number", "\x80\x02K\x01.", "without a Booster"},
		{"nothing", "\x80\x02.", "stack"},
		{"state of a list", "\x80\x02]}b.", "fills something"},
		{"state that is no dict", booster + "]b.", "fills something"},
		{"no state", booster + ".", "without a Booster"},
		{"two values", booster + "}b" + booster[2:] + "}b.", "without a Booster"},
		{"no mark", booster + "u.", "stack"},
		{"half a pair", booster + "}(K\x01ub.", "no list"},
		{"a memo out of order", "\x80\x02]r\xff\xff\xff\x7f.", "numbers"},
		{"a memo that is empty", "\x80\x02h\x00.", "never kept"},
		{"a list in itself", "\x80\x04]\x94h\x00a.", "without a Booster"},
		{"bytes behind", booster + "}b..", "follow"},
		{"nested without end", "\x80\x02" + strings.Repeat("(", 1<<20), "nested"},
		{"a name without end", "\x80\x02c" + strings.Repeat("a", 1000), "without end"},
		{"bytes spelled with runes", "\x80\x02c_codecs\nencode\nX\x03\x00\x00\x00\xe2\x82\xacX\x06\x00\x00\x00latin1\x86R.", "spells"},
	} {
		_, err := Parse([]byte(tt.pickle))
		refusal, _ := err.(Refusal) //nolint:errorlint // every error of Parse is one
		if refusal.Reason != Pickle || !strings.Contains(refusal.Detail, tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A Booster whose bytes are no model, or yet another pickle.
func TestRefusesWhatAPickleHolds(t *testing.T) {
	whole := read(t, "testdata/v1.2.1-pickled.pkl4")
	for n := range whole {
		if got := reason(t, whole[:n]); got != Torn && n >= 20 {
			t.Fatalf("its first %d of %d bytes are refused as %q", n, len(whole), got)
		}
	}
	holding := func(b string) []byte {
		return []byte("\x80\x04\x8c\x0cxgboost.core\x8c\x07Booster\x93)\x81}\x8c\x06handleC" + string(rune(len(b))) + b + "sb.")
	}
	for _, tt := range []struct {
		inner string
		want  Reason
	}{
		{"", Torn},
		{"CONFIG-offset:", Torn},
		{"CONFIG-offset:\xff\xff\xff\xff\xff\xff\xff\xff", Torn},
		{"\x80\x04N.", Pickle},
		{"cos\nsystem\n(S'id'\ntR.", Pickle},
		{"hello, this is no model", Format},
		{`{"Model": {}}`, Format},
	} {
		if got := reason(t, bytes.ReplaceAll(holding(tt.inner), []byte("\xc3\xbf"), []byte{0xff})); got != tt.want {
			t.Errorf("%q: refused as %q, want %q", tt.inner, got, tt.want)
		}
	}
}
