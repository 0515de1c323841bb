; Of what was distributed to an epoch of the side pocket, never more is owed and paid than came in, for any number of holders and any
; sequence of calls.
;
; By induction over the calls. K is the scale, U the pool's units, I its index, and R what is booked for all holders but one: the sum of
; K * owed + units * (I - index at settlement). The one is the holder of the call: units u, index j, debt o. D is what was distributed
; less what was paid. Invariant: R + K * o + u * (I - j) <= K * D, u plus the others' units V is U, j <= I. SidePocketSymbolic proves that the
; contract's calls do exactly the steps below.
(set-logic QF_NIA)
(declare-const K Int)
(declare-const V Int)
(declare-const I Int)
(declare-const R Int)
(declare-const u Int)
(declare-const j Int)
(declare-const o Int)
(declare-const D Int)
(declare-const x Int)
(declare-const q Int)
(assert (and (> K 0) (>= V 0) (>= I 0) (>= R 0) (>= u 0) (>= j 0) (<= j I) (>= o 0) (>= D 0) (>= x 0) (>= q 0)))

; query the-empty-pool-is-covered: unsat
(push)
(assert (and (= R 0) (= o 0) (= u 0) (= D 0)))
(assert (> (+ R (* K o) (* u (- I j))) (* K D)))
(check-sat)
(pop)

(assert (<= (+ R (* K o) (* u (- I j))) (* K D)))

; query settling-keeps-it-covered: unsat. q is what accrued, rounded down; credit then adds units at the present index, which adds nothing.
(push)
(assert (<= (* q K) (* u (- I j))))
(assert (> (+ R (* K (+ o q)) (* (+ u x) (- I I))) (* K D)))
(check-sat)
(pop)

; query claiming-keeps-it-covered: unsat. What is settled is paid.
(push)
(assert (<= (* q K) (* u (- I j))))
(assert (> R (* K (- D (+ o q)))))
(check-sat)
(pop)

; query a-claim-is-covered: unsat. No claim pays more than is there.
(push)
(assert (<= (* q K) (* u (- I j))))
(assert (> (+ o q) D))
(check-sat)
(pop)

; query distributing-keeps-it-covered: unsat. The index rises by q, x assets scaled and divided by all units, rounded down.
(push)
(assert (> (+ u V) 0))
(assert (<= (* q (+ u V)) (* x K)))
(assert (> (+ R (* V q) (* K o) (* u (- (+ I q) j))) (* K (+ D x))))
(check-sat)
(pop)

; query distributing-unrounded: sat. With the index rounded up, more is owed than came in.
(push)
(assert (> (+ u V) 0))
(assert (and (>= (* q (+ u V)) (* x K)) (< (* (- q 1) (+ u V)) (* x K))))
(assert (> (+ R (* V q) (* K o) (* u (- (+ I q) j))) (* K (+ D x))))
(check-sat)
(pop)

; query crediting-without-settling: sat. If units were added at the old index, they would be owed what came in before them.
(push)
(assert (> (+ R (* K o) (* (+ u x) (- I j))) (* K D)))
(check-sat)
(pop)
