"""How the code of helpers comes into entries.

Numba optimises every function together with all that it calls, and makes machine code of the whole, function by function. Helpers of the
kernel are never run by themselves: their code is kept as it is and linked, each once, into the entries that need it. That takes the
first compilation from a minute and a half to half a minute.
"""

# Numba's compiler is not described to the type checker.
# mypy: disable-error-code="no-untyped-call, misc"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class _Library(JITCodeLibrary):
    """The code of one function of the kernel; ``_parts`` are the libraries of all that it calls, callers behind those they call."""

    def __init__(self, codegen: Any, name: str, *, helper: bool) -> None:
        super().__init__(codegen, name)
        self._helper = helper
        self._parts: dict[Any, None] = {}

    def add_linking_library(self, library: Any) -> None:
        library._ensure_finalized()
        if isinstance(library, _Library):
            self._parts |= library._parts
        self._parts[library] = None

    def finalize(self) -> None:
        if self._helper:
            self._finalized = True
            return
        self._link_parts(self._final_module)
        self._hide_helpers()
        super().finalize()

    def _link_parts(self, module: Any) -> None:
        for part in reversed(self._parts):  # callers first: what nobody calls yet is not linked
            code = part.own_code() if isinstance(part, _Library) else part._get_module_for_linking()
            module.link_in(code, preserve=True)

    def _hide_helpers(self) -> None:
        """Nobody else calls them here: the optimiser may take in what is called from one place, and change how the rest is called.

        So nobody else may find them: a name that the machine code kept would stand for the helper in other libraries too.
        """
        codes = [part.own_code() for part in self._parts if isinstance(part, _Library)]
        names = {function.name for code in codes for function in code.functions if not function.is_declaration}
        for function in self._final_module.functions:
            if function.name in names:
                function.linkage = "private"

    def own_code(self) -> Any:
        """Its module without those of its parts."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        """For libraries of another kind, that is, functions of users: with all that it calls."""
        module = self.own_code()
        if self._helper and self._parts:
            module = module.clone()
            self._link_parts(module)
        return module


class _Standing:
    """A helper as Python sees it: compiled by itself once Python calls it, which is rare."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._compiled: Any = None

    def __call__(self, *args: Any) -> Any:
        if self._compiled is None:
            self._compiled = numba.njit(nogil=True, error_model="numpy")(self._function)
        return self._compiled(*args)


@register_pass(mutates_CFG=True, analysis_only=False)
class _HelperLowering(NativeLowering):
    """Machine-independent code of a helper, for others to link."""

    _name = "fillwright_helper_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _Library(state.targetctx.codegen(), state.func_id.func_qualname, helper=True)
        state.flags.no_compile = True
        super().run_pass(state)
        standing = _Standing(state.func_id.func)
        state.targetctx.insert_user_function(standing, state.cr.fndesc, [state.library])
        state.reload_init.extend(state.library._reload_init)
        state.cr = state.cr._replace(cfunc=standing)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _EntryLowering(NativeLowering):
    """Code of an entry, which takes in the helpers that it needs."""

    _name = "fillwright_entry_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _Library(state.targetctx.codegen(), state.func_id.func_qualname, helper=False)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


def _pipeline_with(lowering: type[NativeLowering]) -> type[CompilerBase]:
    class Pipeline(CompilerBase):
        def define_pipelines(self) -> list[Any]:
            passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
            passes.passes = [(lowering, name) if each is NativeLowering else (each, name) for each, name in passes.passes]
            passes.finalize()
            return [passes]

    return Pipeline


HELPER = _pipeline_with(_HelperLowering)
"""Pipeline of helpers."""

ENTRY = _pipeline_with(_EntryLowering)
"""Pipeline of entries."""
