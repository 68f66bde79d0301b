// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {DevelopmentChain} from "../DevelopmentChain.sol";

/// @title Development token
/// @notice An ERC-20 token that anybody may mint, for development chains only. On other chains the
/// constructor and `mint` revert.
contract DevelopmentToken is ERC20 {
    uint8 private immutable _decimals;

    /// @notice The chain is not a development chain.
    error NotADevelopmentChain(uint256 chainId);

    modifier onDevelopmentChain() {
        if (!DevelopmentChain.here()) revert NotADevelopmentChain(block.chainid);
        _;
    }

    /// @param name_ name of the token
    /// @param symbol_ symbol of the token
    /// @param decimals_ decimals of the display unit
    constructor(string memory name_, string memory symbol_, uint8 decimals_)
        ERC20(name_, symbol_)
        onDevelopmentChain
    {
        _decimals = decimals_;
    }

    /// @notice Mints `amount` to `to`.
    function mint(address to, uint256 amount) external onDevelopmentChain {
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}
