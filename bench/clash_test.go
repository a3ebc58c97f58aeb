package bench

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/bench/program"
)

// TestClashes refuses files that would be mixed up, before it writes any.
func TestClashes(t *testing.T) {
	for _, test := range []struct {
		name, want string // empty: it is well
		change     func(c *Config, dir string)
	}{
		{"apart", "", func(c *Config, dir string) {
			c.HistoryFile, c.HistFile, c.DeliveryLogDir = dir+"/a", dir+"/b", dir+"/logs[1]"
		}},
		{"logs of an earlier run", "n7.jsonl is there already", func(c *Config, dir string) { c.DeliveryLogDir = dir + "/old[1]" }},
		{"the same", "--history and --hist both write", func(c *Config, dir string) {
			c.HistoryFile, c.HistFile = dir+"/a", dir+"/x/../a"
		}},
		{"the same, there already", "--history and --hist both write", func(c *Config, dir string) {
			c.HistoryFile, c.HistFile = dir+"/there", dir+"/link"
		}},
		{"one of many", "--history and --hist both write", func(c *Config, dir string) {
			c.HistoryFile, c.HistFile = dir+"/a.get", dir+"/a"
		}},
		{"a history among logs", "--history", func(c *Config, dir string) {
			c.HistoryFile, c.DeliveryLogDir = dir+"/logs/n1.jsonl", dir+"/logs"
		}},
		{"percentiles among logs", "--hist", func(c *Config, dir string) {
			c.HistFile, c.DeliveryLogDir = dir+"/logs/n1.jsonl", dir+"/logs"
		}},
		{"percentiles nowhere", "--hist", func(c *Config, dir string) { c.HistFile = dir + "/no/such" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(
				os.Mkdir(dir+"/old[1]", 0o755), os.WriteFile(dir+"/old[1]/n7.jsonl", nil, 0o600),
				os.WriteFile(dir+"/there", []byte("kept"), 0o600), os.Symlink("there", dir+"/link"),
			); err != nil {
				t.Fatal(err)
			}
			cfg := testConfig()
			test.change(&cfg, dir)
			out, err := openFiles(&cfg)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := out.close(); err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q that wraps ErrConfig", err, test.want)
			}
			if b, err := os.ReadFile(filepath.Join(dir, "there")); err != nil || string(b) != "kept" {
				t.Errorf("a file was written: %q, %v", b, err)
			}
		})
	}
}
