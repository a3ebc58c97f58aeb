// Package planted holds known mistakes that tests can switch on, to prove that
// the checks which should catch them do.
//
// A check that has never failed proves nothing. So the code that could be wrong
// in a way worth remembering carries the mistake beside the right line:
//
//	next := queue.first()
//	if planted.On(planted.WrongEnd) {
//		next = queue.last()
//	}
//
// In a release [On] is a constant false: the compiler removes the branch, and a
// test of this package looks into binaries to see that it did. Only under the
// build tag "planted" can a mistake be switched on:
//
//	//go:build planted
//
//	func TestPlantedWrongEnd(t *testing.T) {
//		planted.With(t, planted.WrongEnd) // on until the test ends
//		err := check(runTwoWriters())
//		if err == nil {
//			t.Fatal("the order check let it pass")
//		}
//		planted.Caught(t, planted.WrongEnd, "the order check")
//	}
//
// A test that called With and did not call Caught fails. Property is the short
// form for a check that is a property of package rapid. The whole list, with
// what caught each bug, is shown by
//
//	make planted
//
// The switches belong to the whole process, so these tests do not run in
// parallel with any other: With panics while another bug is on, since two
// mistakes at once would say nothing about either.
//
// # Adding a bug
//
//  1. Add a constant to bugs.go and its description to list.go.
//  2. Plant it: one branch on On, as small as it can be, in the code whose
//     mistake it is.
//  3. Catch it: a test named TestPlanted..., under the build tag, beside the
//     check that has to see it.
//
// A test of this package, under the tag, fails as long as a bug of the list is
// planted nowhere or caught nowhere.
package planted
