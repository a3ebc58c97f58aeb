package client

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseDSN(t *testing.T) {
	for dsn, want := range map[string]DSN{
		"dsm://127.0.0.1:7000":              {Servers: []string{"127.0.0.1:7000"}},
		"dsm://a:1,b:2,[::1]:3/":            {Servers: []string{"a:1", "b:2", "[::1]:3"}},
		"dsm+registry://r:6001,s:6001":      {Registries: []string{"r:6001", "s:6001"}},
		" \t\ufeffdsm://a:1\r\n":            {Servers: []string{"a:1"}},
		"dsm://a:1?fail_fast=true":          {Servers: []string{"a:1"}, FailFast: true},
		"dsm+registry://r:6001":             {Registries: []string{"r:6001"}},
		"dsm+registry://r:6001/?timeout=1s": {Registries: []string{"r:6001"}, Timeout: time.Second},
		"dsm://a:1?dial_timeout=2s&ping_interval=3s&conn_max_lifetime=4s&conn_max_idle_time=5s&max_in_flight=6&max_open_conns=7&max_idle_conns=8&session_ttl=100ms": {
			Servers: []string{"a:1"}, DialTimeout: 2 * time.Second, PingInterval: 3 * time.Second,
			ConnMaxLifetime: 4 * time.Second, ConnMaxIdleTime: 5 * time.Second, MaxInFlight: 6, MaxOpenConns: 7, MaxIdleConns: 8, SessionTTL: 100 * time.Millisecond,
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
		"dsm://a:1?session_ttl=99ms":            "from 100ms to 24h0m0s",
		"dsm://a:1?session_ttl=25h":             "from 100ms to 24h0m0s",
		"":                                      "must begin with dsm://",
		"redis://a:1":                           "must begin with dsm://",
		"dsm://":                                `"" is not host:port`,
		"dsm://a":                               `"a" is not host:port`,
		"dsm://:7000":                           `":7000" is not host:port`,
		"dsm://a:1,":                            `"" is not host:port`,
		"dsm://user@a:1":                        "it has a user or a password",
		"dsm://a:1/path":                        `"a:1/xxxxx" is not host:port`,
		"dsm://a:http":                          "port must be a number",
		"dsm://a:0":                             "port must be a number",
		"dsm://a:65536":                         "port must be a number",
		"dsm://a:1,b:1,a:1":                     `"a:1" is listed twice`,
		"dsm://a:1/?timeout=5":                  `"5" is not a duration above 0`,
		"dsm://a:1/?timeout=-5s":                "not a duration above 0",
		"dsm://a:1/?timeout=1s&timeout=2s":      "given 2 times",
		"dsm://a:1/?timeout=0":                  "not a duration above 0",
		"dsm://a:1/?max_open_conns=many":        `"many" is not a number`,
		"dsm://a:1/?conn_max_lifetime=5":        `"5" is not a duration`,
		"dsm://a:1/?fail_fast=perhaps":          "must be true or false",
		"dsm://a:1/?tiemout=5s":                 `unknown option "tiemout"; the options are client, conn_max_idle_time, conn_max_lifetime, dial_timeout,`,
		"dsm://a:1/?client=":                    "is not a name of 1 to 64 bytes",
		"dsm://a:1/?client=%1b[2J":              "is not a name of 1 to 64 bytes",
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
	f.Add("dsm://user:hunter2@localhost:6001?token=hunter2")
	f.Fuzz(func(t *testing.T, dsn string) {
		d, err := ParseDSN(dsn)
		if err != nil && strings.Contains(dsn, "hunter2@") && strings.Count(dsn, "hunter2") == 1 && strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("%q: %v", dsn, err)
		}
		if err == nil && len(d.Servers) == 0 && len(d.Registries) == 0 {
			t.Fatalf("%q names nothing", dsn)
		}
	})
}

// 0 and less mean to an option what they mean to the method of the same name, and
// are told from what was not given.
func TestParseDSNZero(t *testing.T) {
	const names = "dsm://a:1?max_open_conns=%[1]s&max_idle_conns=%[1]s&max_async=%[1]s&max_in_flight=%[1]s&conn_max_lifetime=%[1]s&conn_max_idle_time=%[1]s"
	want := DSN{
		Servers: []string{"a:1"}, MaxOpenConns: -1, MaxIdleConns: -1, MaxAsync: -1, MaxInFlight: -1,
		ConnMaxLifetime: -1, ConnMaxIdleTime: -1,
	}
	for _, value := range []string{"0", "-0"} {
		if got, err := ParseDSN(fmt.Sprintf(names, value)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", value, got, err)
		}
	}
	got, err := ParseDSN("dsm://a:1?max_open_conns=-5&max_idle_conns=-1&max_async=-3&max_in_flight=-9&conn_max_lifetime=-1s&conn_max_idle_time=0s")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}
