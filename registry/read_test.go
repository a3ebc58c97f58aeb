package registry

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// fill gives each field of a value something of its own, and each list two entries.
func fill(t *testing.T, v reflect.Value, next *int64) {
	t.Helper()
	*next++
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		v.SetInt(*next * int64(time.Millisecond))
	case v.Type() == reflect.TypeFor[membership.Delivery]():
		v.SetString(string(Agreed))
	case v.Kind() == reflect.String:
		v.SetString("text " + time.Duration(*next).String())
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(*next)
	case v.CanUint():
		v.SetUint(uint64(*next))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), next)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), next)
		}
	case v.Type() == reflect.TypeFor[membership.Member]():
		for i := range v.NumField() {
			fill(t, v.Field(i), next)
		}
		m := v.Addr().Interface().(*membership.Member)
		m.FeatureLevel, m.Nonce = 0, 0 // the registry keeps these to itself
	case v.Type() == reflect.TypeFor[membership.Key]():
		v.Index(0).SetUint(uint64(*next))
	case v.Kind() == reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, next)
		fill(t, value, next)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), next)
		}
	default:
		t.Fatalf("a field of type %v", v.Type())
	}
}

func filled[T any](t *testing.T) (v T) {
	t.Helper()
	fill(t, reflect.ValueOf(&v).Elem(), new(int64))
	return v
}

// carried is a message after its way over the wire.
func carried[M proto.Message](t *testing.T, m, empty M) M {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(b, empty); err != nil {
		t.Fatal(err)
	}
	return empty
}

// Whatever a registry and a node tell each other comes as it was said, every field.
func TestNothingIsLostOnTheWire(t *testing.T) {
	d := filled[membership.Directive](t)
	if diff := cmp.Diff(&d, directiveOf(carried(t, directiveProto(d), new(registrypb.Directive)))); diff != "" {
		t.Errorf("a directive (-said +heard):\n%s", diff)
	}
	if diff := cmp.Diff(new(membership.Directive), directiveOf(new(registrypb.Directive)), cmp.FilterPath(
		func(p cmp.Path) bool { return p.String() == "Settings.Delivery" }, cmp.Ignore())); diff != "" {
		t.Errorf("the empty directive (-said +heard):\n%s", diff)
	}
	from, report := filled[membership.From](t), filled[membership.Report](t)
	beat := carried(t, heartbeatProto(from, &report), new(registrypb.HeartbeatRequest))
	if diff := cmp.Diff(from, fromOf(beat)); diff != "" {
		t.Errorf("who sends a heartbeat (-said +heard):\n%s", diff)
	}
	if diff := cmp.Diff(report, reportOf(beat)); diff != "" {
		t.Errorf("a heartbeat (-said +heard):\n%s", diff)
	}
	registration := filled[membership.Registration](t)
	if diff := cmp.Diff(registration, registrationOf(carried(t, registrationProto(&registration), new(registrypb.RegisterRequest)))); diff != "" {
		t.Errorf("a registration (-said +heard):\n%s", diff)
	}
}

// TestFiguresAreShown fills every figure, and looks for it in what the registry reads and
// in its status.
func TestFiguresAreShown(t *testing.T) {
	want := filled[membership.Figures](t)
	if got := reportOf(heartbeatProto(membership.From{}, &membership.Report{Figures: want})).Figures; got != want {
		t.Errorf("the registry reads %+v, want %+v", got, want)
	}
	shown := reflect.ValueOf(statusProto(membership.Status{Nodes: []membership.NodeStatus{{Figures: want}}}).Nodes[0]).Elem()
	for field, value := range reflect.ValueOf(want).Fields() {
		if got := shown.FieldByName(field.Name); !got.IsValid() || !got.Equal(value) {
			t.Errorf("%s is shown as %v, want %v", field.Name, got, value)
		}
	}
}
