package wire

import (
	"strings"
	"testing"
)

// Each operation has a row, a name of its own, somebody who may have it ordered, and a
// level that this release speaks.
func TestTableOfOperations(t *testing.T) {
	names := make(map[string]Op)
	for op := Op(1); op.Valid(); op++ {
		o := op.Operation()
		if other := names[o.Name]; o.Name == "" || other != 0 || op.String() != o.Name {
			t.Errorf("operation %d is named %q, and so is operation %d; it prints as %q", op, o.Name, other, op)
		}
		names[o.Name] = op
		if o.From != FromClient && o.From != FromMember {
			t.Errorf("%s: operation.go does not say who may have it ordered", op)
		}
		if o.Level > LevelNewest {
			t.Errorf("%s: operation.go has no feature level %d", op, o.Level)
		}
		if o.IsWrite() != op.IsWrite() || o.IsWrite() && (o.Fields&FieldSession == 0 || o.Fields&FieldKey == 0 && op != OpTxn || o.From != FromClient) {
			t.Errorf("%s: a write is a client's, and has a session and a key, or several", op)
		}
	}
	var writes []string
	for op := Op(1); op.Valid(); op++ {
		if op.IsWrite() {
			writes = append(writes, op.String())
		}
	}
	if got := strings.Join(writes, " "); got != "set del add cas txn" {
		t.Errorf("the writes are %s", got)
	}
	for op, text := range map[Op]string{0: "op0", Op(len(operations)): "op17", 255: "op255"} {
		if op.Valid() || op.IsWrite() || op.String() != text || op.Operation().Refuse(LevelNewest) == nil {
			t.Errorf("%s is an operation", op)
		}
	}
}

// What a client may have ordered, by the operation's row alone, and what it hears
// otherwise.
func TestRefuse(t *testing.T) {
	made := Operation{Name: "lock", Fields: FieldSession | FieldSequence | FieldKey, From: FromClient, Level: LevelNewest + 1}
	for _, tc := range []struct {
		o      *Operation
		level  uint32
		status Status
		text   string // "": it is not refused
	}{
		{&made, LevelNewest, StatusUnsupported, "lock needs feature level 7, and a member of the group speaks only 6: upgrade"},
		{&made, LevelNewest + 1, StatusOK, ""},
		{&made, LevelNewest + 2, StatusOK, ""},
		{OpSet.Operation(), 0, StatusOK, ""},
		{OpCloseSession.Operation(), 0, StatusOK, ""},
		{OpTick.Operation(), LevelNewest, StatusBadRequest, "tick is for members of the group, not for clients"},
		{Op(200).Operation(), LevelNewest, StatusBadRequest, "no such operation"},
	} {
		refusal := tc.o.Refuse(tc.level)
		if refusal == nil {
			if tc.text != "" {
				t.Errorf("%s is not refused at level %d", tc.o.Name, tc.level)
			}
			continue
		}
		reply := refusal.Reply()
		if tc.text == "" || !strings.Contains(refusal.Error(), tc.text) || string(reply.Data) != refusal.Error() || reply.Status != tc.status {
			t.Errorf("%s at level %d: %v, with status %d, want %d", tc.o.Name, tc.level, refusal, reply.Status, tc.status)
		}
	}
	for op := Op(1); op.Valid(); op++ {
		client := op >= OpSet && op <= OpCloseSession || op == OpTxn || op == OpOpenTimed
		if refused := op.Operation().Refuse(LevelNewest) != nil; refused == client {
			t.Errorf("%s: refused %v", op, refused)
		}
	}
}
