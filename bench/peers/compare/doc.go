// Package compare measures systems in turns under the same loads and compares
// them with what this project aims at.
//
// A row is a load and what is asked of it; a point is a row on a system, with the
// name "row/system". In a round each system takes its turn: it is started anew,
// filled, put under load for a while, measured at all of its points, and ended, so
// that nothing runs beside what is measured. Rounds follow one another, so that a
// machine that drifts favours nobody. What is compared are the medians over the
// rounds.
package compare
