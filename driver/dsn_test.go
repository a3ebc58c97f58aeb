package driver

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An option of a data source name does what the method of the same name does with
// the same number, 0 and less included.
func TestOptionsAreTheMethods(t *testing.T) {
	methods := map[string]func(*DB, time.Duration){
		"max_open_conns":     func(db *DB, n time.Duration) { db.SetMaxOpenConns(int(n)) },
		"max_idle_conns":     func(db *DB, n time.Duration) { db.SetMaxIdleConns(int(n)) },
		"max_async":          func(db *DB, n time.Duration) { db.SetMaxAsync(int(n)) },
		"conn_max_lifetime":  func(db *DB, d time.Duration) { db.SetConnMaxLifetime(d) },
		"conn_max_idle_time": func(db *DB, d time.Duration) { db.SetConnMaxIdleTime(d) },
	}
	for option, set := range methods {
		for text, n := range map[string]time.Duration{"0": 0, "-1": -1, "7": 7, "40000": 40000} {
			value := text
			if strings.HasPrefix(option, "conn_") {
				value += "ns"
			}
			byOption, err := Open("dsm://a:1?" + option + "=" + value)
			if err != nil {
				t.Errorf("%s=%s: %v", option, value, err)
				continue
			}
			closeLater(t, byOption)
			byMethod, err := Open("dsm://a:1")
			if err != nil {
				t.Fatal(err)
			}
			closeLater(t, byMethod)
			set(byMethod, n)
			if byOption.pool.limits != byMethod.pool.limits || byOption.streams.max.Load() != byMethod.streams.max.Load() {
				t.Errorf("%s=%s: %+v and %d, by the method %+v and %d", option, value,
					byOption.pool.limits, byOption.streams.max.Load(), byMethod.pool.limits, byMethod.streams.max.Load())
			}
		}
	}
}

// With no connection kept idle, operations still succeed, each on its own.
func TestNoIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "max_idle_conns=0&max_open_conns=0&conn_max_lifetime=0s&conn_max_idle_time=0s")
		for range 3 {
			if _, err := db.Add(t.Context(), "n", 1); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if s := db.Stats(); s.OpenConns != 0 || s.MaxOpenConns != 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

// A name from a file ends with a line end; what is wrong with one is told without
// its password.
func TestOpenNames(t *testing.T) {
	db, err := Open(" dsm://a:1\r\n")
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, db)
	for _, dsn := range []string{"dsm://user:hunter2@a:1", "dsm+registry://a:1?password=hunter2", "mysql://user:hunter2@a:1/db", "dsm://user:hunter2@a:1?%zz"} {
		if _, err := Open(dsn); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}
