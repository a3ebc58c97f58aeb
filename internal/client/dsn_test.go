package client

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseDSN(t *testing.T) {
	for dsn, want := range map[string]DSN{
		"dsm://127.0.0.1:7000":              {Servers: []string{"127.0.0.1:7000"}},
		"dsm://a:1,b:2,[::1]:3/":            {Servers: []string{"a:1", "b:2", "[::1]:3"}},
		"dsm+registry://r:6001":             {Registry: "r:6001"},
		"dsm+registry://r:6001/?timeout=1s": {Registry: "r:6001", Timeout: time.Second},
		"dsm://a:1?dial_timeout=2s&ping_interval=3s&conn_max_lifetime=4s&conn_max_idle_time=5s&max_in_flight=6&max_open_conns=7&max_idle_conns=8": {
			Servers: []string{"a:1"}, DialTimeout: 2 * time.Second, PingInterval: 3 * time.Second,
			ConnMaxLifetime: 4 * time.Second, ConnMaxIdleTime: 5 * time.Second, MaxInFlight: 6, MaxOpenConns: 7, MaxIdleConns: 8,
		},
	} {
		if got, err := ParseDSN(dsn); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", dsn, got, err)
		}
	}
}

// An error names what is wrong, and what would be right.
func TestParseDSNErrors(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                                      "must begin with dsm://",
		"redis://a:1":                           "must begin with dsm://",
		"dsm://":                                `"" is not host:port`,
		"dsm://a":                               `"a" is not host:port`,
		"dsm://:7000":                           `":7000" is not host:port`,
		"dsm://a:1,":                            `"" is not host:port`,
		"dsm://user@a:1":                        `"user@a:1" is not host:port`,
		"dsm://a:1/path":                        `"a:1/path" is not host:port`,
		"dsm://a:http":                          "port must be a number",
		"dsm://a:0":                             "port must be a number",
		"dsm://a:65536":                         "port must be a number",
		"dsm://a:1,b:1,a:1":                     `"a:1" is listed twice`,
		"dsm+registry://a:1,b:1":                "2 registries, want one",
		"dsm://a:1/?timeout=5":                  `"5" is not a duration above 0`,
		"dsm://a:1/?timeout=-5s":                "not a duration above 0",
		"dsm://a:1/?timeout=1s&timeout=2s":      "given 2 times",
		"dsm://a:1/?max_open_conns=0":           "not a number above 0",
		"dsm://a:1/?max_open_conns=many":        "not a number above 0",
		"dsm://a:1/?client=":                    "is not a name of 1 to 64 bytes",
		"dsm://a:1/?client=%1b[2J":              "is not a name of 1 to 64 bytes",
		"dsm://a:1/?tiemout=5s":                 `unknown option "tiemout"; there are client, conn_max_idle_time, conn_max_lifetime, dial_timeout,`,
		"dsm://a:1/?%zz":                        "options:",
		"dsm://" + strings.Repeat("a:1,", 2000): "at most 1024",
	} {
		if got, err := ParseDSN(dsn); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %+v, %v, want %s", dsn, got, err, want)
		}
	}
}

func FuzzParseDSN(f *testing.F) {
	f.Add("dsm://127.0.0.1:7000,[::1]:7001/?timeout=5s&max_open_conns=3")
	f.Add("dsm+registry://localhost:6001")
	f.Fuzz(func(t *testing.T, dsn string) {
		d, err := ParseDSN(dsn)
		if err == nil && len(d.Servers) == 0 && d.Registry == "" {
			t.Fatalf("%q names nothing", dsn)
		}
	})
}
