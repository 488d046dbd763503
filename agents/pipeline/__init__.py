"""NWTN's five layers: questions are refracted, prompted, routed, executed and compiled.

::

    client ── AskQuestion ──> orchestrator ── Refract ──> architect      goal -> dependency DAG
                                   │ ──────── WritePrompt ──> prompter   task -> model call
                                   │ ──────── RouteTask ────> router     task -> ranked executors
                                   │ ──────── ExecuteTask ──> executors  call -> answer (real work)
                                   │ ──────── CompileAnswers > compiler  answers -> one answer
                                   └── QuestionAnswered ──> client       answer + transparency trace

Every layer is an actor and knows the others by their messages only (`messages`), so each may be
replicated, crash, or lie without the others' code knowing.
"""
