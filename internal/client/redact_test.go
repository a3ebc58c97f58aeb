package client

import (
	"fmt"
	"strings"
	"testing"
)

// secrets are data source names in which hunter2 must not be shown.
var secrets = []string{
	"dsm://user:hunter2@host:1",
	"dsm://user:hunter2@host:1\n",
	"dsm://hunter2@host:1",
	"dsm://user:hunter2@host",
	"dsm://user:hunter2@a:1,user:hunter2@b:1",
	"dsm://a:1,user:hunter2@b:1",
	"dsm+registry://user:hunter2@host:1",
	"user:hunter2@host:1",
	"http://user:hunter2@host:1",
	"postgres://user:hunter2@host:1/db?sslmode=off",
	"dsm ://user:hunter2@host:1",
	"dsm://user:hunter2%40host:1",
	"dsm://user:hunter2%zz@host:1",
	"dsm://user:a/hunter2@host:1",
	"dsm://user:a?hunter2@host:1",
	"dsm://user:a#hunter2@host:1",
	"dsm://user:a@hunter2@host:1",
	"dsm://user:a,hunter2@host:1",
	"dsm://user:a b hunter2@host:1",
	"dsm://user:[hunter2@host:1",
	"dsm://user:\x7fhunter2@host:1",
	"dsm://user:hunter2",
	"dsm://user:hunter2:1",
	"dsm://host:1/hunter2",
	"dsm://host:1#hunter2",
	"dsm://host:1?password=hunter2",
	"dsm://host:1?token=hunter2&timeout=1s",
	"dsm://host:1?timeout=1s&token=hunter2%zz",
	"dsm://host:1?timeout=1s;token=hunter2",
	"dsm://host:1?hunter2",
	"dsm://host:1?Hunter2=hunter2",
	"dsm://host?token=hunter2",
	"password=hunter2 host=h",
	"host=h password='hunter2'",
	"Server=h;Password=hunter2",
}

// No error shows a secret, and what is shown still tells what was given.
func TestNoSecretIsShown(t *testing.T) {
	for _, dsn := range secrets {
		if shown := Redact(dsn); strings.Contains(shown, "hunter2") {
			t.Errorf("%q is shown as %q", dsn, shown)
		}
		_, err := ParseDSN(dsn)
		if err == nil {
			t.Errorf("%q is taken", dsn)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", dsn, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		"nonsense":                        "nonsense",
		"127.0.0.1:7000":                  "127.0.0.1:7000",
		"dsm://a:1,[::1]:2/?timeout=5s":   "dsm://a:1,[::1]:2/?timeout=5s",
		"dsm://::1":                       "dsm://::1",
		"dsm://user:pw@host:1?timeout=1s": "dsm://xxxxx@host:1?timeout=1s",
		"dsm://host:1?token=pw&timeout=1": "dsm://host:1?token=xxxxx&timeout=1",
		"dsm://host:http":                 "dsm://host:xxxxx",
		"dsm://host:99999":                "dsm://host:99999",
		"http://user:pw@h:1/path":         "http://xxxxx@h:1/xxxxx",
	} {
		if got := Redact(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestRedactArguments(t *testing.T) {
	const secret = "hunter2"
	for _, arg := range []string{
		"dsm://user:hunter2@h:1", "--timeout=dsm://user:hunter2@h:1", "--dsn:dsm://user:hunter2@h:1",
		"user:hunter2@h:1", ":hunter2@h:1", "--id=user:hunter2@h:1", "user:hunter2@a@h:1", "http://h:1?token=hunter2", "dsm://user:hunter2\x01\"@h:1",
	} {
		text := fmt.Sprintf("invalid argument %q for a flag: %s", arg, arg)
		if _, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(arg, "-") {
			text += fmt.Sprintf(", %q", value)
		}
		if got := RedactArguments(text, []string{"get", "k", arg}, true); strings.Contains(got, secret) {
			t.Errorf("%q: %s", arg, got)
		}
	}
	const faults = "kill:n9@1s,kill:n8@2s"
	if got := RedactArguments(faults, []string{"-faults", faults}, true); got != faults {
		t.Errorf("%q became %q", faults, got)
	}
	const conflict = `"a:b@c" has another version`
	if got := RedactArguments(conflict, []string{"cas", "a:b@c"}, false); got != conflict {
		t.Errorf("%q became %q", conflict, got)
	}
}
