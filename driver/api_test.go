package driver

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
)

// shown are the types that users meet.
var shown = []reflect.Type{
	reflect.TypeFor[*DB](), reflect.TypeFor[*Conn](), reflect.TypeFor[Connector](), reflect.TypeFor[*Future](),
	reflect.TypeFor[Value](), reflect.TypeFor[ReadOption](), reflect.TypeFor[Stats](), reflect.TypeFor[OpTrace](),
	reflect.TypeFor[*ConflictError](), reflect.TypeFor[*AbandonedError](),
	reflect.TypeFor[*Txn](), reflect.TypeFor[TxnResult](), reflect.TypeFor[OpResult](), reflect.TypeFor[*TxnError](), reflect.TypeFor[Op](),
	reflect.TypeFor[*Tx](), reflect.TypeFor[Condition](), reflect.TypeFor[WriteOption](),
}

// Nothing that users can name has a type of an internal package in it.
func TestNoInternalTypeIsShown(t *testing.T) {
	for _, of := range shown {
		for i := range of.NumMethod() {
			m := of.Method(i)
			for n := range m.Type.NumIn() {
				wantShown(t, of.String()+"."+m.Name, m.Type.In(n))
			}
			for n := range m.Type.NumOut() {
				wantShown(t, of.String()+"."+m.Name, m.Type.Out(n))
			}
		}
		if of.Kind() != reflect.Struct {
			continue
		}
		for i := range of.NumField() {
			if f := of.Field(i); f.IsExported() {
				wantShown(t, of.String()+"."+f.Name, f.Type)
			}
		}
	}
}

func wantShown(t *testing.T, where string, of reflect.Type) {
	t.Helper()
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if strings.Contains(of.PkgPath(), "/internal/") {
		t.Errorf("%s shows %s", where, of)
	}
}

// A DB and a Conn have the methods of a session in common, each written once.
func TestDBAndConnShareMethods(t *testing.T) {
	db, conn := reflect.TypeFor[*DB](), reflect.TypeFor[*Conn]()
	for i := range conn.NumMethod() {
		name := conn.Method(i).Name
		m, ok := db.MethodByName(name)
		if !ok {
			t.Errorf("a DB has no %s", name)
			continue
		}
		of := func(m reflect.Method) string { _, signature, _ := strings.Cut(m.Type.String(), ","); return signature }
		if of(m) != of(conn.Method(i)) {
			t.Errorf("%s is %v of a DB and %v of a Conn", name, m.Type, conn.Method(i).Type)
		}
	}
	if n := conn.NumMethod(); n != 29 { // Close is its own
		t.Errorf("a Conn has %d methods", n)
	}
}

// strangeConnector makes connections that no node has.
type strangeConnector struct{ made, closed int }

func (c *strangeConnector) Connect(context.Context) (io.Closer, error) { c.made++; return c, nil }

func (c *strangeConnector) Close() error { c.closed++; return errors.New("once is enough") }

// A Connector that is no node is found out at once, and its connection is closed.
func TestConnectorThatIsNoNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c strangeConnector
		db := OpenDB(&c)
		closeLater(t, db)
		_, err := db.Get(t.Context(), "k")
		wantErr(t, err, ErrProtocol)
		if err != nil && !strings.Contains(err.Error(), "*driver.strangeConnector; pass a *server.Node") {
			t.Errorf("it does not say what is wrong: %v", err)
		}
		if c.made != 1 || c.closed != 1 {
			t.Errorf("%d connections were made, %d closed", c.made, c.closed)
		}
	})
}
